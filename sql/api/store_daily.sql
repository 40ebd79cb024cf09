-- Days of a store, newest first, from the one before `before`.
select
    snapshot_date,
    accounts_expected,
    accounts_observed,
    is_complete,
    follower_count,
    likes_count,
    video_count,
    follower_delta,
    likes_delta,
    video_delta,
    view_delta,
    video_like_delta,
    comment_delta,
    share_delta,
    longest_span_days,
    engagement_rate
from reporting.store_daily
where
    store_code = %(store)s
    and snapshot_date between %(first)s and %(last)s
    and (%(before)s::date is null or snapshot_date < %(before)s::date)
order by snapshot_date desc
limit %(limit)s
