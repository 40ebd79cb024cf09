-- Notes of which viral videos people and programs are told now. One row per video that was never told at its level: of today or
-- yesterday, so that a backfill of old days says nothing, and only after the checks that quarantine (`checks`) have looked
-- at what was read then, so that a fault of TikTok's is no news.
with news as (
    select
        v.store_code,
        v.account_id,
        v.video_id,
        v.snapshot_date,
        v.level,
        v.ratio,
        v.gained,
        v.expected,
        v.age_days,
        coalesce(s.share_url, 'video ' || v.video_id) as link
    from reporting.viral_videos as v
    inner join snapshots.tiktok_video_daily as s
        on
            v.store_code = s.store_code
            and v.video_id = s.video_id
            and v.snapshot_date = s.snapshot_date
    where
        v.snapshot_date >= ops.day_of(ops.now(), %(zone)s) - 1
        and not exists (
            select
            from ops.viral_told as t
            where
                t.store_code = v.store_code
                and t.video_id = v.video_id
                and t.level >= v.level
        )
        and not exists (
            select
            from unnest(%(checks)s::text[]) as c (check_name)
            where not exists (
                select
                from reporting.quality_results as q
                where
                    q.table_name = 'snapshots.tiktok_video_daily'
                    and q.check_name = c.check_name
                    and q.day = v.snapshot_date
                    and q.checked is not null
                    and q.evaluated_at > s.observed_at
            )
        )
        and not exists (
            select
            from snapshots.quarantine as h
            where
                h.account_id = v.account_id
                and h.day = v.snapshot_date
                and h.endpoint = 'video_list'
                and h.released_at is null
        )
),

told as (
    insert into ops.viral_told as t (store_code, video_id, level)
    select
        store_code,
        video_id,
        max(level)
    from news
    group by
        store_code,
        video_id
    on conflict (store_code, video_id) do update
    set
        level = excluded.level,
        told_at = ops.now()
    where t.level < excluded.level
    returning t.store_code, t.video_id, t.level
),

newest as (
    select distinct on (n.store_code, n.video_id) n.*
    from told as t
    inner join news as n
        on
            t.store_code = n.store_code
            and t.video_id = n.video_id
            and t.level = n.level
    order by
        n.store_code,
        n.video_id,
        n.snapshot_date desc
),

events as (
    insert into ops.event (event_type, subject, data)
    select
        'video.viral',
        'account:' || account_id,
        jsonb_build_object(
            'account_id', account_id,
            'store_code', store_code,
            'video_id', video_id,
            'day', snapshot_date,
            'level', level,
            'gained_a_day', gained,
            'usual_a_day', expected,
            'ratio', ratio
        )
    from newest
)

select *
from newest
