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

videos as materialized (
    select
        store_code,
        video_id
    from snapshots.tiktok_video_daily
    where
        snapshot_date between %(first)s and %(last)s
        and ops.share_of(store_code, %(shares)s) = %(share)s
    union
    select
        store_code,
        video_id
    from reporting.video_daily
    where
        snapshot_date between %(first)s and %(last)s
        and ops.share_of(store_code, %(shares)s) = %(share)s
),

-- Two looks a video, at the observation before the days and at the one after them, however long the past is.
around as (
    select
        store_code,
        account_id,
        video_id,
        snapshot_date,
        create_time,
        view_count,
        like_count,
        comment_count,
        share_count,
        observed_at,
        source,
        late
    from snapshots.tiktok_video_daily
    where
        snapshot_date between %(first)s and %(last)s
        and ops.share_of(store_code, %(shares)s) = %(share)s
    union all
    select o.*
    from videos as v
    cross join lateral (
        select
            s.store_code,
            s.account_id,
            s.video_id,
            s.snapshot_date,
            s.create_time,
            s.view_count,
            s.like_count,
            s.comment_count,
            s.share_count,
            s.observed_at,
            s.source,
            s.late
        from snapshots.tiktok_video_daily as s
        where
            s.store_code = v.store_code
            and s.video_id = v.video_id
            and s.snapshot_date < %(first)s
            and (s.account_id, s.snapshot_date) not in (
                select
                    account_id,
                    day
                from held
            )
        order by s.snapshot_date desc
        limit 1
    ) as o
    union all
    select o.*
    from videos as v
    cross join lateral (
        select
            s.store_code,
            s.account_id,
            s.video_id,
            s.snapshot_date,
            s.create_time,
            s.view_count,
            s.like_count,
            s.comment_count,
            s.share_count,
            s.observed_at,
            s.source,
            s.late
        from snapshots.tiktok_video_daily as s
        where
            s.store_code = v.store_code
            and s.video_id = v.video_id
            and s.snapshot_date > %(last)s
            and s.snapshot_date <= %(until)s
            and (s.account_id, s.snapshot_date) not in (
                select
                    account_id,
                    day
                from held
            )
        order by s.snapshot_date
        limit 1
    ) as o
),

observed as (
    select
        a.*,
        h.day is not null as quarantined
    from around as a
    left join held as h
        on
            a.account_id = h.account_id
            and a.snapshot_date = h.day
),

compared as (
    select
        *,
        lag(snapshot_date) over before as previous_date,
        lag(view_count) over before as previous_views,
        lag(like_count) over before as previous_likes,
        lag(comment_count) over before as previous_comments,
        lag(share_count) over before as previous_shares
    from observed
    window before as (
        partition by store_code, video_id, quarantined
        order by snapshot_date
    )
),

wanted as materialized (
    select
        c.store_code,
        c.account_id,
        c.video_id,
        c.snapshot_date,
        c.create_time,
        c.snapshot_date - ops.day_of(c.create_time, l.time_zone) as age_days,
        n.view_count,
        n.like_count,
        n.comment_count,
        n.share_count,
        (n.like_count + n.comment_count + n.share_count)::double precision
        / nullif(n.view_count, 0)::double precision as engagement_rate,
        n.previous_date,
        c.snapshot_date - n.previous_date as span_days,
        n.view_count - c.previous_views as view_delta,
        n.like_count - c.previous_likes as like_delta,
        n.comment_count - c.previous_comments as comment_delta,
        n.share_count - c.previous_shares as share_delta,
        c.observed_at,
        c.source,
        c.late,
        c.quarantined
    from compared as c
    left join capture.account_day as l
        on
            c.account_id = l.account_id
            and c.snapshot_date = l.day
            and l.endpoint = 'video_list'
            and l.day between %(first)s and %(until)s
    left join lateral (
        select
            c.view_count,
            c.like_count,
            c.comment_count,
            c.share_count,
            c.previous_date
        where not c.quarantined
    ) as n on true
    where c.snapshot_date >= %(first)s
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
