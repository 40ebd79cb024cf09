-- Ask to send. One row when the circuit is open: whether the probe is ours now, or about to be sent by somebody, and since
-- when it is open. The row is locked by whoever takes the probe. Who comes second cannot take it any more, but still sees
-- it as it was before: due. So a probe that is due and not ours is somebody's.
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
    probe_at <= ops.now() as probing,
    last_error,
    extract(epoch from ops.now() - opened_at)::double precision as open_seconds
from ops.circuit
where
    client_key = %(client_key)s
    and endpoint = %(endpoint)s
    and opened_at is not null
