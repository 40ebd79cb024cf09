-- A row while two daemons are at work on one database: the one began before the other was last seen.
select
    'daemons' as cause,
    'error' as severity,
    format('%%s Dagster daemons are at work', count(distinct h.daemon)) as subject,
    'Two daemons start every run twice. Find the second one (another machine, a service beside tiktok-pipeline serve) and '
    'stop it.' as body,
    count(distinct h.daemon) as count,
    to_jsonb(
        (
            array_agg(
                distinct format(
                    '%%s, since %%s', h.daemon, to_char(h.first_at at time zone %(zone)s, 'YYYY-MM-DD HH24:MI')
                )
            )
        )[1:5]
    ) as examples,
    interval '2 minutes' as settle,
    interval '5 minutes' as away,
    false as told_elsewhere
from ops.heartbeat as h
inner join ops.heartbeat as other
    on
        other.daemon <> h.daemon
        and other.first_at < h.last_at
        and h.first_at < other.last_at
where
    h.last_at > ops.now() - interval '10 minutes'
    and other.last_at > ops.now() - interval '10 minutes'
having count(*) > 0
