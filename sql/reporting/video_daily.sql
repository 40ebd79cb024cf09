-- reporting.video_daily: one row per store, video and day, of the days from first to last. Compares it with the video's
-- observation before, so the next one after `last` is looked at too, when it is not after `until`. A video on a
-- quarantined list has no numbers and nothing is compared with it. Of the stores, one of so many shares.
with held as materialized (
    select
        account_id,
        day
    from snapshots.quarantine
    where
        endpoint = 'video_list'
        and released_at is null
),

now_or_before as (
    select
        store_code,
        video_id,
        snapshot_date as day
    from snapshots.tiktok_video_daily
    where
        snapshot_date between %(first)s and %(last)s
        and ops.share_of(store_code, %(shares)s) = %(share)s
    union
    select
        store_code,
        video_id,
        snapshot_date
    from reporting.video_daily
    where
        snapshot_date between %(first)s and %(last)s
        and ops.share_of(store_code, %(shares)s) = %(share)s
),

days as (
    select *
    from now_or_before
    union all
    select
        m.store_code,
        m.video_id,
        n.day
    from (
        select distinct
            store_code,
            video_id
        from now_or_before
    ) as m
    cross join lateral (
        select s.snapshot_date as day
        from snapshots.tiktok_video_daily as s
        where
            s.store_code = m.store_code
            and s.video_id = m.video_id
            and s.snapshot_date > %(last)s
            and s.snapshot_date <= %(until)s
            and not exists (
                select
                from snapshots.quarantine as q
                where
                    q.account_id = s.account_id
                    and q.day = s.snapshot_date
                    and q.endpoint = 'video_list'
                    and q.released_at is null
            )
        order by s.snapshot_date
        limit 1
    ) as n
),

wanted as materialized (
    select
        s.store_code,
        s.account_id,
        s.video_id,
        s.snapshot_date,
        s.create_time,
        s.snapshot_date - ops.day_of(s.create_time, l.time_zone) as age_days,
        n.view_count,
        n.like_count,
        n.comment_count,
        n.share_count,
        (n.like_count + n.comment_count + n.share_count)::double precision
        / nullif(n.view_count, 0)::double precision as engagement_rate,
        b.snapshot_date as previous_date,
        s.snapshot_date - b.snapshot_date as span_days,
        n.view_count - b.view_count as view_delta,
        n.like_count - b.like_count as like_delta,
        n.comment_count - b.comment_count as comment_delta,
        n.share_count - b.share_count as share_delta,
        s.observed_at,
        s.source,
        s.late,
        h.day is not null as quarantined
    from days as d
    inner join snapshots.tiktok_video_daily as s
        on
            d.store_code = s.store_code
            and d.video_id = s.video_id
            and d.day = s.snapshot_date
    left join capture.account_day as l
        on
            s.account_id = l.account_id
            and s.snapshot_date = l.day
            and l.endpoint = 'video_list'
    left join held as h
        on
            s.account_id = h.account_id
            and s.snapshot_date = h.day
    left join lateral (
        select
            s.view_count,
            s.like_count,
            s.comment_count,
            s.share_count
        where h.day is null
    ) as n on true
    left join lateral (
        select
            p.snapshot_date,
            p.view_count,
            p.like_count,
            p.comment_count,
            p.share_count
        from snapshots.tiktok_video_daily as p
        where
            h.day is null
            and p.store_code = s.store_code
            and p.video_id = s.video_id
            and p.snapshot_date < s.snapshot_date
            and not exists (
                select
                from snapshots.quarantine as q
                where
                    q.account_id = p.account_id
                    and q.day = p.snapshot_date
                    and q.endpoint = 'video_list'
                    and q.released_at is null
            )
        order by p.snapshot_date desc
        limit 1
    ) as b on true
),

removed as (
    delete from reporting.video_daily as r
    where
        r.snapshot_date between %(first)s and %(last)s
        and ops.share_of(r.store_code, %(shares)s) = %(share)s
        and not exists (
            select
            from wanted as w
            where
                w.store_code = r.store_code
                and w.video_id = r.video_id
                and w.snapshot_date = r.snapshot_date
        )
    returning r.account_id
),

written as (
    insert into reporting.video_daily as r (
        store_code, account_id, video_id, snapshot_date, create_time, age_days,
        view_count, like_count, comment_count, share_count, engagement_rate,
        previous_date, span_days, view_delta, like_delta, comment_delta, share_delta,
        observed_at, source, late, quarantined
    )
    select *
    from wanted
    on conflict (store_code, video_id, snapshot_date) do update
    set
        account_id = excluded.account_id,
        create_time = excluded.create_time,
        age_days = excluded.age_days,
        view_count = excluded.view_count,
        like_count = excluded.like_count,
        comment_count = excluded.comment_count,
        share_count = excluded.share_count,
        engagement_rate = excluded.engagement_rate,
        previous_date = excluded.previous_date,
        span_days = excluded.span_days,
        view_delta = excluded.view_delta,
        like_delta = excluded.like_delta,
        comment_delta = excluded.comment_delta,
        share_delta = excluded.share_delta,
        observed_at = excluded.observed_at,
        source = excluded.source,
        late = excluded.late,
        quarantined = excluded.quarantined
    where
        (
            r.account_id, r.create_time, r.age_days,
            r.view_count, r.like_count, r.comment_count, r.share_count,
            r.previous_date, r.view_delta, r.like_delta, r.comment_delta, r.share_delta,
            r.observed_at, r.source, r.late, r.quarantined
        ) is distinct from (
            excluded.account_id, excluded.create_time, excluded.age_days,
            excluded.view_count, excluded.like_count, excluded.comment_count, excluded.share_count,
            excluded.previous_date, excluded.view_delta, excluded.like_delta, excluded.comment_delta,
            excluded.share_delta, excluded.observed_at, excluded.source, excluded.late, excluded.quarantined
        )
    returning r.account_id
)

select account_id from removed
union all
select account_id from written;
