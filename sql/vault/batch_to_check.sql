-- The next sealed token pairs, by account.
select
    account_id,
    access_token,
    refresh_token,
    token_version
from vault.token
where account_id > %(after)s
order by account_id
limit %(pairs)s
