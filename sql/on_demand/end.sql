-- The job, over: failed with an error, done without. No row: another run has it.
update ops.sync_job
set
    state = case when %(error)s::text is null then 'done' else 'failed' end,
    error = %(error)s,
    finished_at = ops.now()
where
    id = %(id)s
    and state in ('waiting', 'running')
    and run_id is not distinct from %(run_id)s
returning id
