-- One row per account: all of them, the one that is asked for, or those of the stores that are.
select
    id,
    store_code,
    client_key,
    open_id,
    display_name,
    avatar_url,
    scope,
    status,
    status_reason,
    token_expires_at,
    refresh_token_expires_at,
    last_sync_at,
    connected_at
from hub.store_accounts
where
    (%(account_id)s::bigint is null or id = %(account_id)s)
    and (%(store_codes)s::text[] is null or store_code = any(%(store_codes)s::text[]))
order by
    store_code,
    id
