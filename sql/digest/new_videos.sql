-- Videos that were listed for the first time, the most viewed first. A row is a video, with how many there are in all. Those
-- of an account's first list are not new, and a video that was away and came back is not either.
select
    count(*) over () as found,
    c.store_code,
    s.store_name,
    d.description as caption,
    d.share_url,
    v.view_count as views,
    c.snapshot_date - c.previous_date as span_days
from snapshots.video_change as c
inner join reporting.video_daily as v
    on
        c.store_code = v.store_code
        and c.video_id = v.video_id
        and c.snapshot_date = v.snapshot_date
inner join hub.stores as s on c.store_code = s.store_code
left join snapshots.tiktok_video_daily as d
    on
        c.store_code = d.store_code
        and c.video_id = d.video_id
        and c.snapshot_date = d.snapshot_date
where
    c.snapshot_date = %(day)s
    and (%(store)s::text is null or c.store_code = %(store)s)
    and c.listed
    and c.previous_date is not null
    and not v.quarantined
    and not exists (
        select
        from snapshots.video_change as e
        where
            e.account_id = c.account_id
            and e.video_id = c.video_id
            and e.snapshot_date < c.snapshot_date
    )
order by
    v.view_count desc nulls last,
    c.video_id
limit %(most)s
