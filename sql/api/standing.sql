-- One row: how daemon and jobs stand, and the latest day that is over with its account-days; NULLs without any.
with closed as (
    select max(day) as day
    from capture.account_day
    where day < ops.day_of(ops.now(), %(zone)s)
)

select
    (select (extract(epoch from ops.now() - max(last_at)) / 60)::float8 from ops.heartbeat) as daemon_minutes,
    (select count(*)::integer from ops.sync_job where state = 'waiting') as jobs_waiting,
    (select count(*)::integer from ops.sync_job where state = 'running') as jobs_running,
    c.day,
    (count(d.account_id) filter (where d.reason is distinct from 'cancelled' and d.reason is distinct from 'not_yet_connected'))::integer
        as account_days,
    (count(d.account_id) filter (where d.state in ('captured', 'imported')))::integer as captured
from closed as c
left join capture.account_day as d on c.day = d.day
group by c.day
