-- One row per account whose tokens are given up, because the key that they are sealed with is lost.
-- Their versions are kept, so that none is given again.
-- The accounts are held first, as everybody does who replaces tokens.
with held as materialized (
    select id
    from hub.store_accounts
    where
        exists (
            select
            from vault.token
            where
                account_id = id
                and %(key_id)s in (access_key_id, refresh_key_id)
        )
    order by id
    for no key update
),

lost as (
    delete from vault.token
    where
        account_id in (select id from held)
        and %(key_id)s in (access_key_id, refresh_key_id)
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
