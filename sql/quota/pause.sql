-- Pause an endpoint for everybody; a longer pause stays as it is.
insert into ops.quota_pause (client_key, endpoint, paused_until)
values (%(client_key)s, %(endpoint)s, ops.now() + make_interval(secs => %(seconds)s))
on conflict (client_key, endpoint) do update
set paused_until = excluded.paused_until,
    paused_at = excluded.paused_at
where quota_pause.paused_until < excluded.paused_until
