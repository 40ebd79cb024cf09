-- The videos that gained most views on a day, the greatest first. A row is a video. What one gained while TikTok left its
-- views out is in it.
select
    g.store_code,
    s.store_name,
    d.description as caption,
    d.share_url,
    d.view_count as views,
    g.gained,
    g.span_days
from (
    (
        select
            store_code,
            video_id,
            view_delta as gained,
            span_days
        from reporting.video_daily
        where
            snapshot_date = %(day)s
            and (%(store)s::text is null or store_code = %(store)s)
            and view_delta > 0
        order by
            view_delta desc,
            video_id
        limit %(most)s
    )
    union all
    select
        store_code,
        video_id,
        gained,
        span_days
    from reporting.counter_returns
    where
        snapshot_date = %(day)s
        and (%(store)s::text is null or store_code = %(store)s)
        and counter = 'view_count'
        and gained > 0
    order by
        gained desc,
        video_id
    limit %(most)s
) as g
inner join hub.stores as s on g.store_code = s.store_code
left join snapshots.tiktok_video_daily as d
    on
        g.store_code = d.store_code
        and g.video_id = d.video_id
        and d.snapshot_date = %(day)s
order by
    g.gained desc,
    g.video_id
