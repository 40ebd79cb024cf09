-- One row per account of the given stores, in the order in which they were connected.
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
where store_code = any(%(store_codes)s)
order by id
