-- Days of a video, newest first, from the one before `before`.
select
    snapshot_date,
    age_days,
    view_count,
    like_count,
    comment_count,
    share_count,
    view_delta,
    like_delta,
    comment_delta,
    share_delta,
    span_days,
    engagement_rate,
    quarantined
from reporting.video_daily
where
    video_id = %(video)s
    and snapshot_date between %(first)s and %(last)s
    and (%(before)s::date is null or snapshot_date < %(before)s::date)
order by snapshot_date desc
limit %(limit)s
