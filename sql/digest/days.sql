-- What each day from first to last gained, for all stores or for one. A row is a day; NULL: nothing was compared on it.
-- What a counter gained while TikTok left it out counts on the day on which it is there again.
with profiles as (
    select
        snapshot_date,
        follower_delta,
        likes_delta,
        span_days
    from reporting.account_daily
    where
        snapshot_date between %(first)s and %(last)s
        and (%(store)s::text is null or store_code = %(store)s)
    union all
    select
        snapshot_date,
        case counter when 'follower_count' then gained end,
        case counter when 'likes_count' then gained end,
        span_days
    from reporting.counter_returns
    where
        snapshot_date between %(first)s and %(last)s
        and (%(store)s::text is null or store_code = %(store)s)
        and counter in ('follower_count', 'likes_count')
),

videos as (
    select
        snapshot_date,
        view_delta,
        null::integer as span_days
    from reporting.account_videos_daily
    where
        snapshot_date between %(first)s and %(last)s
        and (%(store)s::text is null or store_code = %(store)s)
    union all
    select
        snapshot_date,
        gained,
        span_days
    from reporting.counter_returns
    where
        snapshot_date between %(first)s and %(last)s
        and (%(store)s::text is null or store_code = %(store)s)
        and counter = 'view_count'
)

select
    s.day::date as day,
    a.followers_gained,
    a.followers_lost,
    a.likes,
    coalesce(a.over_gap, false) or coalesce(v.over_gap, false) as over_gap,
    v.views
from generate_series(%(first)s::date, %(last)s::date, interval '1 day') as s (day)
left join (
    select
        snapshot_date,
        sum(case when follower_delta > 0 then follower_delta else follower_delta * 0 end)::bigint as followers_gained,
        sum(case when follower_delta < 0 then follower_delta else follower_delta * 0 end)::bigint as followers_lost,
        sum(likes_delta)::bigint as likes,
        bool_or(span_days > 1) as over_gap
    from profiles
    group by snapshot_date
) as a on s.day = a.snapshot_date
left join (
    select
        snapshot_date,
        sum(view_delta)::bigint as views,
        bool_or(span_days > 1) as over_gap
    from videos
    group by snapshot_date
) as v on s.day = v.snapshot_date
order by s.day
