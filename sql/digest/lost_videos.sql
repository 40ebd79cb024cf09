-- Videos that became missing or gone on a day, as it was known by then. A row is a video; `found` says how many share its state.
-- Missing: this is the first complete list without it. Gone: enough complete lists lack it, TikTok does not find it either, and
-- one of the two is so since this day.
with lists as materialized (
    select
        account_id,
        -- Who left before the list that is one too far back was missing or gone before this day.
        (
            select d.snapshot_date
            from snapshots.account_day_verdict as d
            where
                d.account_id = t.account_id
                and d.verdict = 'COMPLETE'
                and d.snapshot_date <= t.snapshot_date
            order by d.snapshot_date desc
            offset greatest(1, snapshots.threshold_of('gone_after')::integer)
            limit 1
        ) as beyond
    from snapshots.account_day_verdict as t
    where
        t.snapshot_date = %(day)s
        and t.verdict = 'COMPLETE'
        and (%(store)s::text is null or t.store_code = %(store)s)
),

asked_today as materialized (
    select distinct
        account_id,
        unnest(asked) as video_id
    from capture.video_query
    where day = %(day)s
),

away as (
    select
        c.store_code,
        c.account_id,
        c.video_id,
        c.previous_date,
        l.lists,
        l.missing_since,
        snapshots.threshold_of('gone_after') as enough
    from snapshots.account_day_verdict as t
    inner join snapshots.video_change as c
        on
            t.account_id = c.account_id
            and c.snapshot_date <= t.snapshot_date
    inner join lists as h on h.account_id = t.account_id
    cross join lateral (
        select
            count(*) as lists,
            min(d.snapshot_date) as missing_since
        from snapshots.account_day_verdict as d
        where
            d.account_id = c.account_id
            and d.verdict = 'COMPLETE'
            and d.snapshot_date between c.snapshot_date and t.snapshot_date
    ) as l
    where
        t.snapshot_date = %(day)s
        and t.verdict = 'COMPLETE'
        and (%(store)s::text is null or t.store_code = %(store)s)
        and not c.listed
        and (
            h.beyond is null
            or c.snapshot_date > h.beyond
            or (c.account_id, c.video_id) in (select a.account_id, a.video_id from asked_today as a)
        )
        and not exists (
            select
            from snapshots.video_change as n
            where
                n.account_id = c.account_id
                and n.video_id = c.video_id
                and n.snapshot_date > c.snapshot_date
                and n.snapshot_date <= t.snapshot_date
        )
        and not exists (
            select
            from snapshots.quarantine as q
            where
                q.account_id = t.account_id
                and q.day = t.snapshot_date
                and q.endpoint = 'video_list'
                and q.released_at is null
        )
),

asked as (
    select
        w.*,
        now.found as found_now,
        before.found as found_before
    from away as w
    left join lateral (
        select
            e.body @> jsonb_build_object(
                'data', jsonb_build_object('videos', jsonb_build_array(jsonb_build_object('id', w.video_id)))
            ) as found
        from capture.video_query as e
        where
            e.account_id = w.account_id
            and e.day between w.missing_since and %(day)s
            and w.video_id = any(e.asked)
        order by e.id desc
        limit 1
    ) as now on true
    left join lateral (
        select
            e.body @> jsonb_build_object(
                'data', jsonb_build_object('videos', jsonb_build_array(jsonb_build_object('id', w.video_id)))
            ) as found
        from capture.video_query as e
        where
            e.account_id = w.account_id
            and e.day >= w.missing_since
            and e.day < %(day)s
            and w.video_id = any(e.asked)
        order by e.id desc
        limit 1
    ) as before on true
),

lost as (
    select
        *,
        case
            when lists < enough or found_now is distinct from false then case when lists = 1 then 'missing' end
            when lists - 1 < enough or found_before is distinct from false then 'gone'
        end as state
    from asked
),

counted as (
    select
        *,
        count(*) over (partition by state) as found,
        row_number() over (partition by state order by previous_date desc, video_id) as place
    from lost
    where state is not null
)

select
    c.state,
    c.found,
    c.store_code,
    s.store_name,
    d.description as caption,
    d.share_url,
    d.view_count as views,
    c.previous_date as last_seen
from counted as c
inner join hub.stores as s on c.store_code = s.store_code
left join snapshots.tiktok_video_daily as d
    on
        c.store_code = d.store_code
        and c.video_id = d.video_id
        and c.previous_date = d.snapshot_date
where c.place <= %(most)s
order by
    c.state,
    c.place
