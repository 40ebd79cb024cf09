-- One row per key that nothing is sealed with any more, and that may be retired from now on.
update vault.key set cleared_at = ops.now()
where
    state = 'decrypt_only'
    and cleared_at is null
    and not exists (
        select
        from vault.token
        where key_id in (access_key_id, refresh_key_id)
    )
returning key_id
