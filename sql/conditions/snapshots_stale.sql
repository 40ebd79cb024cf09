-- A row per snapshot table that lacks the latest day that is over, though that was captured. Only that day counts: a
-- backfill of old ones makes nothing fresh.
with latest as (
    select ops.day_of(ops.now(), %(zone)s) - 1 as day
),

captured as (
    select
        d.endpoint,
        count(*) as accounts
    from latest as l
    inner join capture.account_day as d on d.day = l.day and d.state = 'captured' and d.items > 0
    where d.captured_at < ops.now() - interval '1 hour'
    group by d.endpoint
)

select
    'snapshots.' || t.name as cause,
    'error' as severity,
    format('snapshots.%%s has nothing of %%s', t.name, l.day) as subject,
    'The day was captured and not derived. Materialize the table for that day in the Dagster UI; its pages are there.'
    as body,
    c.accounts as count,
    '[]'::jsonb as examples,
    interval '20 minutes' as settle,
    interval '5 minutes' as away,
    false as told_elsewhere
from latest as l
cross join (values ('tiktok_user_daily', 'user_info'), ('tiktok_video_daily', 'video_list')) as t (name, endpoint)
inner join captured as c on c.endpoint = t.endpoint
where not case t.endpoint
    when 'user_info' then exists (select from snapshots.tiktok_user_daily as s where s.snapshot_date = l.day)
    else exists (select from snapshots.tiktok_video_daily as s where s.snapshot_date = l.day)
end
