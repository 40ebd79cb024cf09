-- The job, in the hands of this run; no row: there is none, or it is over.
update ops.sync_job
set
    state = 'running',
    run_id = %(run_id)s,
    attempts = attempts + 1,
    started_at = ops.now()
where
    id = %(id)s
    and state in ('waiting', 'running')
returning *
