-- No row. Until the transaction ends, no other process registers a key or makes a key ring.
lock table vault.key in share row exclusive mode
