-- Many videos of an account fall to zero, and had a thousand together: TikTok's fault; nothing of that day is usable.
-- table: snapshots.tiktok_video_daily
-- severity: error: sums and growth of the day would be wrong by all that the account ever had
-- quarantine: video_list: it is certain, for no audience leaves a fifth of an account's videos overnight
-- what to do: capture today again with force: true; what is right after all: `tiktok-pipeline quarantine release`
-- counts: account-days
-- reads: snapshots.account_day_verdict
-- A row is an account and day with videos at zero: 1, and 1 when they are many. Views and shares never fall; likes and
-- comments count when they were a thousand. Compared with the days before, up to history_days; a first day has nothing to
-- fall from. Thresholds: snapshots.threshold.
with zeros as materialized (
    select
        store_code,
        account_id,
        video_id,
        snapshot_date as day,
        view_count = 0 as views,
        like_count = 0 as likes,
        comment_count = 0 as comments,
        share_count = 0 as shares
    from snapshots.tiktok_video_daily
    where
        snapshot_date between %(first)s and %(last)s
        and (view_count = 0 or like_count = 0 or comment_count = 0 or share_count = 0)
),

fallen as (
    select
        z.account_id,
        z.day,
        count(*) as videos,
        sum(b.largest) as lost,
        min(z.video_id) as example
    from zeros as z
    cross join (
        select
            snapshots.threshold_of('zero_from') as zero_from,
            snapshots.threshold_of('history_days')::integer as history_days
    ) as t
    cross join lateral (
        select greatest(
            max(p.view_count) filter (where z.views),
            max(p.share_count) filter (where z.shares),
            max(p.like_count) filter (where z.likes and p.like_count >= t.zero_from),
            max(p.comment_count) filter (where z.comments and p.comment_count >= t.zero_from)
        ) as largest
        from snapshots.tiktok_video_daily as p
        where
            p.store_code = z.store_code
            and p.video_id = z.video_id
            and p.snapshot_date < z.day
            and p.snapshot_date >= z.day - t.history_days
            and p.snapshot_date >= %(first)s::date - snapshots.threshold_of('history_days')::integer
            and p.snapshot_date <= %(last)s
    ) as b
    where b.largest > 0
    group by
        z.account_id,
        z.day
)

select
    f.day,
    f.account_id,
    1 as checked,
    (
        f.videos >= snapshots.threshold_of('zeroed_videos')
        and f.videos >= v.distinct_videos * snapshots.threshold_of('zeroed_share')
        and f.lost >= snapshots.threshold_of('zero_from')
    )::integer as failing,
    format('%%s of %%s videos fell to zero, video %%s among them; they had %%s', f.videos, v.distinct_videos, f.example, f.lost)
        as example
from fallen as f
inner join snapshots.account_day_verdict as v
    on
        f.account_id = v.account_id
        and f.day = v.snapshot_date
