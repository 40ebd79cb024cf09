-- Open the circuit, or after our probe's failure keep it open for twice as long as before. One row if that was done.
-- Not while a call of any process was answered just now: then it is not TikTok that is down, but our own network.
update ops.circuit
set
    opened_at = coalesce(opened_at, ops.now()),
    rest = least(coalesce(rest * 2, make_interval(secs => %(first_rest)s)), make_interval(secs => %(longest_rest)s)),
    probe_at = ops.now()
    + least(coalesce(rest * 2, make_interval(secs => %(first_rest)s)), make_interval(secs => %(longest_rest)s)),
    prober = null,
    probe_until = null
where
    client_key = %(client_key)s
    and endpoint = %(endpoint)s
    and (
        prober = %(prober)s
        or (
            opened_at is null
            and failures >= %(most)s
            and (answered_at is null or answered_at <= ops.now() - make_interval(secs => %(quiet_seconds)s))
        )
    )
returning extract(epoch from rest)::double precision as rest_seconds
