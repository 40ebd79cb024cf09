-- One row when it was not revoked before.
update ops.service
set revoked_at = ops.now()
where
    name = %(name)s
    and revoked_at is null
returning name
