-- The service with this name and secret, and that it gets a token now; no row: unknown, revoked or another secret.
update ops.service
set last_token_at = ops.now()
where
    name = %(name)s
    and revoked_at is null
    and (
        secret_hash = %(secret_hash)s
        or (previous_secret_hash = %(secret_hash)s and previous_until > ops.now())
    )
returning name, scopes, stores
