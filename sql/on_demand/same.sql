-- A job of today that is not over and sees to all of these accounts as is wanted, or, for who reads, one that ended a
-- few minutes ago.
select *
from ops.sync_job
where
    day = ops.day_of(ops.now(), %(zone)s)
    and account_ids @> %(account_ids)s::bigint []
    and module in ('all', %(module)s)
    and (release or not %(release)s)
    and (%(since)s::timestamptz is null or since >= %(since)s::timestamptz)
    and (
        state in ('waiting', 'running')
        or (%(origin)s = 'read' and finished_at > ops.now() - make_interval(secs => %(rest_seconds)s))
    )
order by asked_at desc
limit 1
