-- Note that TikTok answers: the circuit is closed. One row, the circuit.
insert into ops.circuit as c (client_key, endpoint, answered_at)
values (%(client_key)s, %(endpoint)s, ops.now())
on conflict (client_key, endpoint) do update
set
    failures = 0,
    last_error = null,
    answered_at = excluded.answered_at,
    opened_at = null,
    rest = null,
    probe_at = null,
    prober = null,
    probe_until = null
returning endpoint
