-- No row. The key that seals only opens from now on; another becomes the primary in the same transaction.
update vault.key set
    state = 'decrypt_only',
    state_since = ops.now(),
    cleared_at = null
where state = 'primary'
