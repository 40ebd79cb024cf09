-- The job, waiting once more; no row: it is not over, or its day has passed.
update ops.sync_job
set
    state = 'waiting',
    round = round + 1,
    finished_at = null,
    error = null,
    resolved_at = null,
    resolved_by = null
where
    id = %(id)s
    and state in ('done', 'failed')
    and day = ops.day_of(ops.now(), %(zone)s)
returning *
