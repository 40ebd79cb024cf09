-- What the warehouse holds. One row of counts.
select
    (select count(*) from hub.store_accounts) as accounts,
    (select count(*) from snapshots.tiktok_user_daily) as user_rows,
    (select count(*) from snapshots.tiktok_video_daily) as video_rows,
    (select count(distinct video_id) from snapshots.tiktok_video_daily) as videos,
    (select count(distinct snapshot_date) from snapshots.tiktok_user_daily) as days
