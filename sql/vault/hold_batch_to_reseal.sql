-- The next token pairs, by account, of which a token is sealed with another key than the primary.
-- They are held until the transaction ends; those that somebody else holds just now are passed over.
select
    account_id,
    access_token,
    refresh_token,
    token_version
from vault.token
where
    account_id > %(after)s
    and (access_key_id <> %(primary)s or refresh_key_id <> %(primary)s)
order by account_id
limit %(pairs)s
for update skip locked
