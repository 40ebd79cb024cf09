-- No row. The key opens nothing any more.
update vault.key set
    state = 'retired',
    state_since = ops.now()
where key_id = %(key_id)s
