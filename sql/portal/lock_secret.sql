-- No row. Until the transaction ends, no other process registers a secret.
lock table ops.portal_secret in share row exclusive mode
