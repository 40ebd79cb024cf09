-- The videos that gained most views on a day, the greatest first. A row is a video.
select
    g.store_code,
    s.store_name,
    d.description as caption,
    d.share_url,
    g.view_count as views,
    g.view_delta as gained,
    g.span_days
from (
    select *
    from reporting.video_daily
    where
        snapshot_date = %(day)s
        and (%(store)s::text is null or store_code = %(store)s)
        and view_delta > 0
    order by
        view_delta desc,
        video_id
    limit %(most)s
) as g
inner join hub.stores as s on g.store_code = s.store_code
left join snapshots.tiktok_video_daily as d
    on
        g.store_code = d.store_code
        and g.video_id = d.video_id
        and g.snapshot_date = d.snapshot_date
order by
    g.view_delta desc,
    g.video_id
