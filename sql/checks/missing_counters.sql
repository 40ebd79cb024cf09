-- TikTok does not say the counters of many of an account's videos.
-- table: snapshots.tiktok_video_daily
-- severity: warning: NULL is honest, and reports show a hole instead of a wrong number
-- what to do: capture today again with force: true; of a past day the hole stays, and reports leave it out
-- counts: account-days
-- A row is an account and day: 1, and 1 when a tenth of its videos and more, and three at least, lack views, likes, comments or shares.
select
    snapshot_date as day,
    account_id,
    1 as checked,
    (count(*) filter (where lacking) >= greatest(count(*) * 0.1, 3))::integer as failing,
    format('%%s of %%s videos lack a counter', count(*) filter (where lacking), count(*)) as example
from (
    select
        snapshot_date,
        account_id,
        num_nulls(view_count, like_count, comment_count, share_count) > 0 as lacking
    from snapshots.tiktok_video_daily
    where
        snapshot_date between %(first)s and %(last)s
        and source = 'capture'
) as videos
group by
    snapshot_date,
    account_id
