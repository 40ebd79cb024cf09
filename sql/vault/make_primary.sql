-- No row. From now on this key seals.
update vault.key set
    state = 'primary',
    state_since = ops.now(),
    cleared_at = null
where key_id = %(key_id)s
