-- A video's id holds the second in which its upload began: create_time is never before it, and seldom a week after.
-- table: snapshots.tiktok_video_daily
-- severity: warning: nobody documents it, and only the time of posting is doubtful (391 videos: 2 s to 48 h, never before)
-- what to do: take the time of posting of these videos as uncertain; when they become many, TikTok makes ids in another way and the rule must follow
-- counts: videos
-- A row is an account and day: its videos with an id of that kind, and those whose create_time does not fit.
-- (A CASE and no condition: PostgreSQL would expect hardly any row to meet it, and use one core and a sort.)
select
    snapshot_date as day,
    account_id,
    count(seconds) as checked,
    count(*) filter (where seconds < 0 or seconds > most) as failing,
    min(format('video %%s was posted %%s s after the second in its id', video_id, seconds))
        filter (where seconds < 0 or seconds > most) as example
from (
    select
        snapshot_date,
        account_id,
        video_id,
        case
            when length(video_id) = 19 and video_id < '9' and video_id !~ '[^0-9]'
                then extract(epoch from create_time)::bigint - (video_id::bigint >> 32)
        end as seconds,
        (select snapshots.threshold_of('id_days') * 86400)::bigint as most
    from snapshots.tiktok_video_daily
    where snapshot_date between %(first)s and %(last)s
    offset 0  -- computed once a row, not once a use
) as measured
group by
    snapshot_date,
    account_id
