-- A row per broker that was reached ever: how long ago, in seconds.
select
    t.target,
    extract(epoch from ops.now() - t.reached_at)::float8 as value
from ops.event_target as t
where t.target = any(%(targets)s)
order by t.target
