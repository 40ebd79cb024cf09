-- A video without views beside a thousand likes, comments or shares cannot be.
-- table: snapshots.tiktok_video_daily
-- severity: warning: it is one video's number; where they are many, zeroed_videos quarantines the account-day
-- what to do: capture today again with force: true; of a past day the number stays as TikTok gave it
-- counts: videos
-- A row is an account and day: its videos, and those that cannot be.
select
    snapshot_date as day,
    account_id,
    count(*) as checked,
    count(*) filter (where impossible) as failing,
    min(format('video %%s has 0 views beside %%s likes, %%s comments, %%s shares', video_id, like_count, comment_count, share_count)) filter (where impossible) as example
from (
    select
        *,
        view_count = 0
        and greatest(like_count, comment_count, share_count) >= (select snapshots.threshold_of('zero_from')) as impossible
    from snapshots.tiktok_video_daily
    where snapshot_date between %(first)s and %(last)s
) as videos
group by
    snapshot_date,
    account_id
