-- Note a call that TikTok did not answer in order. One row: how many that makes in a row, and whether the circuit is open.
insert into ops.circuit as c (client_key, endpoint, failures, last_error)
values (%(client_key)s, %(endpoint)s, 1, %(error)s)
on conflict (client_key, endpoint) do update
set
    failures = c.failures + 1,
    last_error = excluded.last_error
returning
    failures,
    opened_at is not null as open
