-- Add an account that comes with an import. One row, its id; none when it is there, or is another store's account.
-- It was connected wherever that was, and not in the future; its days count since it is known here.
insert into hub.store_accounts (
    store_code, client_key, open_id, display_name, avatar_url, token_expires_at, refresh_token_expires_at, scope,
    status, status_reason, connected_at, known_since
)
select
    %(store_code)s,
    %(client_key)s,
    %(open_id)s,
    %(display_name)s,
    %(avatar_url)s,
    ops.now(),
    ops.now(),
    '',
    'NEED_RECONNECT',
    %(reason)s,
    least(coalesce(%(connected_at)s::timestamptz, ops.now()), ops.now()),
    ops.now()
where not exists (select 1 from hub.store_accounts where open_id = %(open_id)s)
on conflict (store_code, open_id) do nothing
returning id
