-- One row: today, what yesterday lacks, jobs and messages by how they stand, and minutes since the daemon was at work.
select
    t.day,
    (
        select count(*)::integer
        from capture.account_day as d
        where
            d.day = t.day - 1
            and d.state in ('gap', 'failed')
            and d.reason is distinct from 'not_yet_connected'
            and d.reason is distinct from 'cancelled'
    ) as gaps_yesterday,
    j.jobs_waiting,
    j.jobs_running,
    j.jobs_failed,
    (select count(*)::integer from ops.outbox where sent_at is null and muted_at is null) as messages_waiting,
    (select round((extract(epoch from ops.now() - max(last_at)) / 60)::numeric, 0)::float8 from ops.heartbeat)
        as daemon_minutes
from (select ops.day_of(ops.now(), %(zone)s) as day) as t
cross join (
    select
        (count(*) filter (where state = 'waiting'))::integer as jobs_waiting,
        (count(*) filter (where state = 'running'))::integer as jobs_running,
        (count(*) filter (where state = 'failed' and resolved_at is null))::integer as jobs_failed
    from ops.sync_job
) as j
