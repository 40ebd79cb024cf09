-- Jobs that wait for a run or are in one's hands, the oldest first.
select
    id,
    round,
    state,
    run_id,
    asked_by
from ops.sync_job
where state in ('waiting', 'running')
order by asked_at
limit %(most)s
