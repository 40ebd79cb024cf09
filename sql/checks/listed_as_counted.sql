-- The list of videos has about as many as the profile counts, neither many more nor many less.
-- table: snapshots.account_day_verdict
-- severity: warning: the two counters differ honestly by a few, and nobody documents by how many
-- what to do: capture today again with force: true; what stays, compare with the profile in TikTok's app
-- counts: lists
-- A row is an account and day whose profile was captured within the hour. Thresholds: short_videos, short_share.
select
    snapshot_date as day,
    account_id,
    1 as checked,
    (
        abs(difference) > greatest(
            snapshots.threshold_of('short_videos'),
            video_count * snapshots.threshold_of('short_share')
        )
    )::integer as failing,
    format('%%s videos listed, %%s counted', distinct_videos, video_count) as example
from snapshots.account_day_verdict
where
    snapshot_date between %(first)s and %(last)s
    and difference is not null
