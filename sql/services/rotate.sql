-- Put another secret in place of the present one, which stays good for a while; no row: no such service.
update ops.service
set
    previous_secret_hash = secret_hash,
    previous_until = ops.now() + make_interval(mins => %(minutes)s),
    secret_hash = %(secret_hash)s,
    rotated_at = ops.now()
where
    name = %(name)s
    and revoked_at is null
returning name
