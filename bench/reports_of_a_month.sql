-- What reporting.video_daily holds of the days from first to last, in one go.
create table bench_reports (like reporting.video_daily including defaults including constraints);

with lists as (
    select
        account_id,
        snapshot_date,
        quarantined,
        lag(snapshot_date) over (
            partition by account_id, quarantined
            order by snapshot_date
        ) as previous_date
    from (
        select
            l.account_id,
            l.day as snapshot_date,
            q.id is not null as quarantined
        from capture.account_day as l
        left join snapshots.quarantine as q
            on
                l.account_id = q.account_id
                and l.day = q.day
                and l.endpoint = q.endpoint
        where
            l.endpoint = 'video_list'
            and l.state = 'imported'
            and l.day between %(first)s::date - 5 and %(last)s
    ) as l
),

observed as (
    select *
    from snapshots.tiktok_video_daily
    where snapshot_date between %(first)s::date - 5 and %(last)s
),

compared as (
    select
        v.*,
        l.quarantined,
        p.snapshot_date as previous_date,
        p.view_count as previous_views,
        p.like_count as previous_likes,
        p.comment_count as previous_comments,
        p.share_count as previous_shares
    from observed as v
    inner join lists as l
        on
            v.account_id = l.account_id
            and v.snapshot_date = l.snapshot_date
    left join observed as p
        on
            v.video_id = p.video_id
            and l.previous_date = p.snapshot_date
    where v.snapshot_date >= %(first)s
)

insert into bench_reports (
    store_code, account_id, video_id, snapshot_date, create_time, age_days, quarantined, observed_at, source, late,
    view_count, like_count, comment_count, share_count, engagement_rate,
    previous_date, span_days, view_delta, like_delta, comment_delta, share_delta
)
select
    c.store_code,
    c.account_id,
    c.video_id,
    c.snapshot_date,
    c.create_time,
    c.snapshot_date - (c.create_time at time zone 'Asia/Jakarta')::date,
    c.quarantined,
    c.observed_at,
    c.source,
    c.late,
    n.view_count,
    n.like_count,
    n.comment_count,
    n.share_count,
    (n.like_count + n.comment_count + n.share_count)::float8 / nullif(n.view_count, 0),
    n.previous_date,
    n.snapshot_date - n.previous_date,
    n.view_count - n.previous_views,
    n.like_count - n.previous_likes,
    n.comment_count - n.previous_comments,
    n.share_count - n.previous_shares
from compared as c
left join lateral (
    select c.*
    where not c.quarantined
) as n on true;
