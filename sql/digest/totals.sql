-- One row: what a day came to, for all stores or for one. Quarantined account-days have no numbers and are counted apart;
-- a first observation has nothing to compare with. What a counter gained while TikTok left it out counts on the day on
-- which it is there again.
with profiles as (
    select
        account_id,
        true as observed,
        quarantined,
        previous_date,
        span_days,
        follower_count,
        follower_delta,
        likes_delta
    from reporting.account_daily
    where
        snapshot_date = %(day)s
        and (%(store)s::text is null or store_code = %(store)s)
    union all
    select
        account_id,
        false,
        false,
        null,
        span_days,
        null,
        case counter when 'follower_count' then gained end,
        case counter when 'likes_count' then gained end
    from reporting.counter_returns
    where
        snapshot_date = %(day)s
        and (%(store)s::text is null or store_code = %(store)s)
        and counter in ('follower_count', 'likes_count')
),

videos as (
    select
        store_code,
        account_id,
        video_id,
        true as observed,
        quarantined,
        previous_date,
        span_days,
        view_delta,
        comment_delta,
        share_delta
    from reporting.video_daily
    where
        snapshot_date = %(day)s
        and (%(store)s::text is null or store_code = %(store)s)
    union all
    select
        store_code,
        account_id,
        video_id,
        false,
        false,
        null,
        span_days,
        case counter when 'view_count' then gained end,
        case counter when 'comment_count' then gained end,
        case counter when 'share_count' then gained end
    from reporting.counter_returns
    where
        snapshot_date = %(day)s
        and (%(store)s::text is null or store_code = %(store)s)
        and counter in ('view_count', 'comment_count', 'share_count')
)

select
    a.*,
    v.*
from (
    select
        count(*) filter (where observed and not quarantined) as profiles,
        count(*) filter (where quarantined) as profiles_quarantined,
        count(*) filter (where previous_date is not null) as profiles_compared,
        count(distinct account_id) filter (where span_days > 1) as profiles_over_gap,
        max(span_days) as profiles_span_days,
        sum(follower_count)::bigint as followers,
        sum(case when follower_delta > 0 then follower_delta else follower_delta * 0 end)::bigint as followers_gained,
        sum(case when follower_delta < 0 then follower_delta else follower_delta * 0 end)::bigint as followers_lost,
        sum(likes_delta)::bigint as likes
    from profiles
) as a
cross join (
    select
        count(*) filter (where observed and not quarantined) as videos,
        count(distinct account_id) filter (where quarantined) as lists_quarantined,
        count(*) filter (where previous_date is not null) as videos_compared,
        count(distinct (store_code, video_id)) filter (where span_days > 1) as videos_over_gap,
        max(span_days) as videos_span_days,
        sum(view_delta)::bigint as views,
        sum(comment_delta)::bigint as comments,
        sum(share_delta)::bigint as shares
    from videos
) as v
