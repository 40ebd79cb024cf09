-- A profile's followers or likes fall to zero from a thousand and more: TikTok's fault.
-- table: snapshots.tiktok_user_daily
-- severity: error: totals of followers and likes would be wrong by all that the account ever had
-- quarantine: user_info: it is certain, for no account loses all of them overnight; likes may go with all its videos
-- what to do: capture today again with force: true; what is right after all: `tiktok-pipeline quarantine release`
-- counts: profiles
-- A row is an account and day. Compared with the days before, up to history_days.
select
    u.snapshot_date as day,
    u.account_id,
    1 as checked,
    (b.largest >= snapshots.threshold_of('zero_from') and b.largest is not null)::integer as failing,
    format('followers %%s, likes %%s; up to %%s before', u.follower_count, u.likes_count, b.largest) as example
from snapshots.tiktok_user_daily as u
cross join lateral (
    select greatest(
        max(p.follower_count) filter (where u.follower_count = 0),
        max(p.likes_count) filter (where u.likes_count = 0 and u.video_count > 0)
    ) as largest
    from snapshots.tiktok_user_daily as p
    where
        (u.follower_count = 0 or u.likes_count = 0)
        and p.store_code = u.store_code
        and p.open_id = u.open_id
        and p.snapshot_date < u.snapshot_date
        and p.snapshot_date >= u.snapshot_date - snapshots.threshold_of('history_days')::integer
) as b
where u.snapshot_date between %(first)s and %(last)s
