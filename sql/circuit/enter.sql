-- Ask to send. One row when the circuit is open: whether the probe is ours now, or somebody's, and since when it is open.
-- The row is locked by whoever takes the probe; who comes second looks again and finds it taken.
with taken as (
    update ops.circuit
    set
        prober = %(prober)s,
        probe_until = ops.now() + make_interval(secs => %(probe_seconds)s)
    where
        client_key = %(client_key)s
        and endpoint = %(endpoint)s
        and opened_at is not null
        and probe_at <= ops.now()
        and (probe_until is null or probe_until <= ops.now())
    returning endpoint
)

select
    exists (select 1 from taken) as probe,
    coalesce(probe_until > ops.now(), false) as probing,
    last_error,
    extract(epoch from ops.now() - opened_at)::double precision as open_seconds
from ops.circuit
where
    client_key = %(client_key)s
    and endpoint = %(endpoint)s
    and opened_at is not null
