-- One row per account whose tokens are given up, because the key that they are sealed with is lost.
-- Their versions are kept, so that none is given again.
with lost as (
    delete from vault.token
    where %(key_id)s in (access_key_id, refresh_key_id)
    returning account_id, token_version
),

remembered as (
    insert into vault.forgotten (account_id, token_version)
    select
        account_id,
        token_version
    from lost
    on conflict (account_id) do update set token_version = excluded.token_version
),

told as (
    update hub.store_accounts set
        status = 'NEED_RECONNECT',
        status_reason = %(reason)s,
        status_changed_at = ops.now(),
        updated_at = ops.now()
    where
        id in (select account_id from lost)
        and status in ('CONNECTED', 'ERROR')
)

select account_id
from lost
