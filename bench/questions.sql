-- 30 days of one store: store_daily
select *
from reporting.store_daily
where
    store_code = %(store)s
    and snapshot_date between %(day)s::date - 29 and %(day)s::date
order by snapshot_date;

-- 30 days of one store: each of its videos
select
    video_id,
    snapshot_date,
    view_count,
    view_delta
from reporting.video_daily
where
    store_code = %(store)s
    and snapshot_date between %(day)s::date - 29 and %(day)s::date;

-- all stores one day: store_daily
select *
from reporting.store_daily
where snapshot_date = %(day)s::date
order by follower_delta desc nulls last;

-- all stores one day: account_daily
select *
from reporting.account_daily
where snapshot_date = %(day)s::date;

-- top videos this week: top_videos
select *
from reporting.top_videos
where window_days = 7
order by place
limit 20;

-- top videos this week: video_daily
select
    video_id,
    sum(view_delta) as gained
from reporting.video_daily
where snapshot_date between %(newest)s::date - 6 and %(newest)s::date
group by video_id
order by gained desc nulls last
limit 20;

-- top videos of 28 days: top_videos
select *
from reporting.top_videos
where window_days = 28
order by place
limit 20;

-- top videos of one store: top_videos
select *
from reporting.top_videos
where
    window_days = 7
    and store_code = %(store)s
order by place
limit 20;

-- one video's life: video_daily
select
    snapshot_date,
    view_count,
    view_delta,
    engagement_rate
from reporting.video_daily
where video_id = %(video)s
order by snapshot_date;

-- one video's life, drawn: video_daily_filled
select
    snapshot_date,
    view_count,
    is_interpolated
from reporting.video_daily_filled
where video_id = %(video)s
order by snapshot_date;

-- newest numbers of one store's videos: video_latest
select *
from reporting.video_latest
where store_code = %(store)s
order by view_count desc;

-- a year of one store: store_daily
select *
from reporting.store_daily
where
    store_code = %(store)s
    and snapshot_date > %(newest)s::date - 365
order by snapshot_date;

-- months of one store: store_monthly
select *
from reporting.store_monthly
where store_code = %(store)s
order by month;

-- this month of all stores: store_monthly
select *
from reporting.store_monthly
where month = date_trunc('month', %(newest)s::date)::date;

-- one store among its like: store_benchmark
select *
from reporting.store_benchmark
where store_code = %(store)s;

-- when to post: posting_time
select *
from reporting.posting_time
order by median_views desc;
