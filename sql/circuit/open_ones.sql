-- A row is an endpoint that nobody asks just now but with single probes, because TikTok is down.
select
    client_key,
    endpoint,
    opened_at,
    coalesce(last_error, 'unknown') as last_error,
    failures,
    extract(epoch from ops.now() - opened_at)::double precision as open_seconds,
    extract(epoch from greatest(probe_at - ops.now(), interval '0'))::double precision as next_probe_seconds
from ops.circuit
where opened_at is not null
order by
    client_key,
    endpoint
