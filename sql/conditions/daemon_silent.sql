-- A row when no daemon had a good tick for too long. None ever had one: none was started yet.
select
    'daemon' as cause,
    'error' as severity,
    format('Dagster''s daemon is silent since %%s', to_char(max(h.last_at) at time zone %(zone)s, 'YYYY-MM-DD HH24:MI'))
    as subject,
    'Nothing is captured or told while it is. Start it again (tiktok-pipeline serve, or the service that runs the '
    'daemon) and look into its log for why it stopped.' as body,
    1::bigint as count,
    '[]'::jsonb as examples,
    interval '3 minutes' as settle,
    interval '3 minutes' as away,
    false as told_elsewhere
from ops.heartbeat as h
having max(h.last_at) < ops.now() - make_interval(mins => %(silent_minutes)s)
