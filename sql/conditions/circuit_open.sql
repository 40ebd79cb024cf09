-- A row when TikTok has not answered for a quarter of an hour, whatever apps and endpoints that is.
select
    'tiktok' as cause,
    'error' as severity,
    format('TikTok has not answered since %%s', to_char(min(c.opened_at) at time zone %(zone)s, 'HH24:MI')) as subject,
    'Nothing but single probes is sent until it answers; then captures go on by themselves. Look whether TikTok is down, '
    'or our network: tiktok-pipeline doctor.' as body,
    count(*) as count,
    to_jsonb((array_agg(concat_ws(': ', c.endpoint, c.last_error) order by c.endpoint, c.client_key))[1:5]) as examples,
    interval '0' as settle,
    interval '10 minutes' as away,
    false as told_elsewhere
from ops.circuit as c
where c.opened_at < ops.now() - interval '15 minutes'
having count(*) > 0
