-- One row per permit, soonest first: seconds from now until its request may be sent.
select wait_seconds
from ops.quota_reserve(
    %(client_key)s,
    %(endpoint)s,
    %(slots)s,
    make_interval(secs => %(period_seconds)s),
    %(permits)s,
    make_interval(secs => %(patience_seconds)s)
) as wait_seconds
