-- reporting.viral_videos: one row per store, video and day, of the days from first to last, on which it gained far more
-- views than its account's videos do at its age, and than it did itself. The day after `last` counts from it, so it is
-- looked at too, when it is not after `until`. Of the stores, one of so many shares.
with gains as materialized (
    select
        v.store_code,
        v.account_id,
        v.video_id,
        v.snapshot_date,
        v.age_days,
        v.view_count,
        reporting.views_a_day(v) as gained
    from reporting.video_daily as v
    where
        v.snapshot_date between %(first)s and least(%(last)s::date + 1, %(until)s)
        and ops.share_of(v.store_code, %(shares)s) = %(share)s
        and reporting.views_a_day(v) is not null
        and coalesce(v.view_delta, v.view_count) >= snapshots.threshold_of('viral_gain')
),

-- Far beyond the week before. What a video had then and lost in between, it does not gain by having it again.
faster as materialized (
    select
        g.*,
        o.gained as own
    from gains as g
    cross join lateral (
        select
            percentile_cont(0.5) within group (order by reporting.views_a_day(b)) as gained,
            max(b.view_count) as most
        from reporting.video_daily as b
        where
            b.store_code = g.store_code
            and b.video_id = g.video_id
            and b.snapshot_date < g.snapshot_date
            and b.snapshot_date >= g.snapshot_date - snapshots.threshold_of('viral_own_days')::integer
    ) as o
    where
        (o.gained is null or g.gained >= o.gained * snapshots.threshold_of('viral_level_1')::double precision)
        and (o.most is null or g.view_count - o.most >= snapshots.threshold_of('viral_gain'))
),

curves as materialized (
    select
        w.*,
        m.videos,
        m.usual,
        s.spread
    from (
        select distinct
            store_code,
            account_id,
            snapshot_date,
            reporting.age_band(age_days) as age_band
        from faster
    ) as w
    -- One number of each video, so that one that is looked at for months at that age counts once.
    cross join lateral (
        select
            count(*)::integer as videos,
            array_agg(h.gained) as gains,
            percentile_cont(0.5) within group (order by h.gained) as usual
        from (
            select greatest(percentile_cont(0.5) within group (order by reporting.views_a_day(v)), 0) as gained
            from reporting.video_daily as v
            where
                v.store_code = w.store_code
                and v.account_id = w.account_id
                and v.snapshot_date < w.snapshot_date
                and v.snapshot_date >= w.snapshot_date - snapshots.threshold_of('viral_history_days')::integer
                and reporting.age_band(v.age_days) = w.age_band
                and reporting.views_a_day(v) is not null
            group by v.video_id
        ) as h
    ) as m
    cross join lateral (
        select percentile_cont(0.5) within group (order by abs(ln((1 + g.gained) / (1 + m.usual)))) * 1.4826 as spread
        from unnest(m.gains) as g (gained)
    ) as s
    where m.videos >= snapshots.threshold_of('viral_history')
),

judged as (
    select
        f.store_code,
        f.account_id,
        f.video_id,
        f.snapshot_date,
        f.age_days,
        f.view_count,
        f.gained,
        greatest(c.usual, f.own, 1) as expected,
        c.videos
    from faster as f
    inner join curves as c
        on
            f.store_code = c.store_code
            and f.account_id = c.account_id
            and f.snapshot_date = c.snapshot_date
            and reporting.age_band(f.age_days) = c.age_band
    where ln((1 + f.gained) / (1 + c.usual)) >= c.spread * snapshots.threshold_of('viral_spreads')::double precision
),

wanted as materialized (
    select
        j.store_code,
        j.account_id,
        j.video_id,
        j.snapshot_date,
        l.level,
        j.age_days,
        j.view_count,
        round(j.gained)::bigint as gained,
        round(j.expected)::bigint as expected,
        j.gained / j.expected as ratio,
        j.videos as compared_videos
    from judged as j
    cross join lateral (
        select max(t.value)::integer as level
        from snapshots.threshold as t
        where
            t.name like 'viral\_level\_%%'
            and t.value <= j.gained / j.expected
    ) as l
    where l.level is not null
),

removed as (
    delete from reporting.viral_videos as r
    where
        r.snapshot_date between %(first)s and least(%(last)s::date + 1, %(until)s)
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
    insert into reporting.viral_videos as r (
        store_code, account_id, video_id, snapshot_date, level, age_days, view_count, gained, expected, ratio,
        compared_videos
    )
    select *
    from wanted
    on conflict (store_code, video_id, snapshot_date) do update
    set
        account_id = excluded.account_id,
        level = excluded.level,
        age_days = excluded.age_days,
        view_count = excluded.view_count,
        gained = excluded.gained,
        expected = excluded.expected,
        ratio = excluded.ratio,
        compared_videos = excluded.compared_videos
    where
        (
            r.account_id, r.level, r.age_days, r.view_count, r.gained, r.expected, r.ratio, r.compared_videos
        ) is distinct from (
            excluded.account_id, excluded.level, excluded.age_days, excluded.view_count, excluded.gained,
            excluded.expected, excluded.ratio, excluded.compared_videos
        )
    returning r.account_id
)

select account_id from removed
union all
select account_id from written;
