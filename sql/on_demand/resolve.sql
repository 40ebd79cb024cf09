-- The job, resolved; no row: it is not over.
update ops.sync_job
set
    resolved_at = coalesce(resolved_at, ops.now()),
    resolved_by = coalesce(resolved_by, %(by)s)
where
    id = %(id)s
    and state in ('done', 'failed')
returning *
