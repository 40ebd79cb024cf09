-- Tell the hub that an account was captured, with the profile if this was one.
update hub.store_accounts
set
    last_sync_at = ops.now(),
    updated_at = ops.now(),
    display_name = coalesce(%(display_name)s, display_name),
    avatar_url = coalesce(%(avatar_url)s, avatar_url)
where id = %(account_id)s
