-- A video's id holds the second in which its upload began: create_time is never before it, and seldom a week after.
-- table: snapshots.tiktok_video_daily
-- severity: warning: nobody documents it, and only the time of posting is doubtful (391 videos: 2 s to 48 h, never before)
-- counts: videos
-- A row is an account and day: its videos with an id of that kind, and those whose create_time does not fit.
select
    snapshot_date as day,
    account_id,
    count(*) as checked,
    count(*) filter (where odd) as failing,
    min(format('video %%s was posted %%s s after the second in its id', video_id, seconds)) filter (where odd) as example
from (
    select
        *,
        seconds < 0 or seconds > (select snapshots.threshold_of('id_days')) * 86400 as odd
    from (
        select
            snapshot_date,
            account_id,
            video_id,
            extract(epoch from create_time)::bigint - (video_id::bigint >> 32) as seconds
        from snapshots.tiktok_video_daily
        where
            snapshot_date between %(first)s and %(last)s
            and create_time is not null
            and video_id ~ '^[1-8][0-9]{18}$'
    ) as measured
) as judged
group by
    snapshot_date,
    account_id
