-- A row per snapshot table that lacks accounts of the latest day that is over, though they were captured. Only that day
-- counts: a backfill of old ones makes nothing fresh.
with latest as (
    select ops.day_of(ops.now(), %(zone)s) - 1 as day
),

captured as (
    select
        d.endpoint,
        d.account_id,
        a.store_code,
        d.day
    from latest as l
    inner join capture.account_day as d on d.day = l.day and d.state = 'captured' and d.items > 0
    inner join hub.store_accounts as a on a.id = d.account_id
    where d.captured_at < ops.now() - interval '1 hour'
),

lacking as (
    select
        'tiktok_user_daily' as name,
        c.*
    from captured as c
    where
        c.endpoint = 'user_info'
        and not exists (
            select
            from snapshots.tiktok_user_daily as s
            where s.account_id = c.account_id and s.snapshot_date = c.day
        )
    union all
    -- A row for each list of videos, whatever is on it.
    select
        'account_day_verdict',
        c.*
    from captured as c
    where
        c.endpoint = 'video_list'
        and not exists (
            select
            from snapshots.account_day_verdict as s
            where s.account_id = c.account_id and s.snapshot_date = c.day
        )
    union all
    -- Millions of rows: looked at as a whole.
    select
        'tiktok_video_daily',
        c.*
    from captured as c
    where
        c.endpoint = 'video_list'
        and not exists (
            select
            from snapshots.tiktok_video_daily as s
            where s.snapshot_date = (select day from latest)
        )
)

select
    'snapshots.' || name as cause,
    'error' as severity,
    format('snapshots.%%s lacks %%s accounts of %%s', name, count(*), day) as subject,
    'They were captured and not derived. Materialize the table for that day in the Dagster UI; the pages are there.' as body,
    count(*) as count,
    to_jsonb((array_agg(format('%%s, account %%s', store_code, account_id) order by store_code, account_id))[1:5]) as examples,
    interval '20 minutes' as settle,
    interval '5 minutes' as away,
    false as told_elsewhere
from lacking
group by
    name,
    day
