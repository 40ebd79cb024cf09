-- One row when the account had a token pair; it has none now. Its version is kept, so that it is not given again.
with gone as (
    delete from vault.token
    where account_id = %(account_id)s
    returning account_id, token_version
)

insert into vault.forgotten (account_id, token_version)
select
    account_id,
    token_version
from gone
on conflict (account_id) do update set token_version = excluded.token_version
returning account_id
