-- One row: what a day came to, for all stores or for one. Quarantined account-days have no numbers and are counted apart;
-- a first observation has nothing to compare with.
select
    a.profiles,
    a.profiles_quarantined,
    a.profiles_compared,
    a.profiles_over_gap,
    a.profiles_span_days,
    a.followers,
    a.followers_gained,
    a.followers_lost,
    a.likes,
    v.videos,
    v.lists_quarantined,
    v.videos_compared,
    v.videos_over_gap,
    v.videos_span_days,
    v.views,
    v.comments,
    v.shares
from (
    select
        count(*) filter (where not quarantined) as profiles,
        count(*) filter (where quarantined) as profiles_quarantined,
        count(*) filter (where previous_date is not null) as profiles_compared,
        count(*) filter (where span_days > 1) as profiles_over_gap,
        max(span_days) as profiles_span_days,
        sum(follower_count)::bigint as followers,
        sum(case when follower_delta > 0 then follower_delta else follower_delta * 0 end)::bigint as followers_gained,
        sum(case when follower_delta < 0 then follower_delta else follower_delta * 0 end)::bigint as followers_lost,
        sum(likes_delta)::bigint as likes
    from reporting.account_daily
    where
        snapshot_date = %(day)s
        and (%(store)s::text is null or store_code = %(store)s)
) as a
cross join (
    select
        count(*) filter (where not quarantined) as videos,
        count(distinct account_id) filter (where quarantined) as lists_quarantined,
        count(*) filter (where previous_date is not null) as videos_compared,
        count(*) filter (where span_days > 1) as videos_over_gap,
        max(span_days) as videos_span_days,
        sum(view_delta)::bigint as views,
        sum(comment_delta)::bigint as comments,
        sum(share_delta)::bigint as shares
    from reporting.video_daily
    where
        snapshot_date = %(day)s
        and (%(store)s::text is null or store_code = %(store)s)
) as v
