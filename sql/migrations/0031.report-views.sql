-- The views that BI tools ask: of stores, dates, months, videos; and charts without holes.
-- depends: 0030.reports

create view reporting.dim_store as
select
    s.store_code,
    s.store_name,
    s.pic_name,
    s.created_at,
    count(a.id)::integer as accounts,
    (count(a.id) filter (where a.status = 'CONNECTED'))::integer as connected_accounts
from hub.stores as s
left join hub.store_accounts as a on a.store_code = s.store_code
group by s.store_code;

comment on view reporting.dim_store is 'One row per store, without its contacts.';
comment on column reporting.dim_store.store_code is 'The store.';
comment on column reporting.dim_store.store_name is 'Its name.';
comment on column reporting.dim_store.pic_name is 'The person in charge.';
comment on column reporting.dim_store.created_at is 'When the store was added.';
comment on column reporting.dim_store.accounts is 'Its TikTok accounts.';
comment on column reporting.dim_store.connected_accounts is 'How many of them are connected now.';

-- From the month in which TikTok began, so that no imported day lies before it.
create view reporting.dim_date as
select
    d::date as day,
    extract(year from d)::integer as year,
    extract(quarter from d)::integer as quarter,
    extract(month from d)::integer as month,
    date_trunc('month', d)::date as month_start,
    extract(isoyear from d)::integer as iso_year,
    extract(week from d)::integer as iso_week,
    extract(isodow from d)::integer as weekday,
    extract(isodow from d) >= 6 as is_weekend
from generate_series(timestamp '2016-09-01', (ops.now() at time zone 'UTC') + interval '1 year', interval '1 day') as s (d);

comment on view reporting.dim_date is 'One row per calendar day, from September 2016 to a year ahead.';
comment on column reporting.dim_date.day is 'The day; joins with snapshot_date.';
comment on column reporting.dim_date.year is 'The calendar year.';
comment on column reporting.dim_date.quarter is '1 to 4.';
comment on column reporting.dim_date.month is '1 to 12.';
comment on column reporting.dim_date.month_start is 'The first day of its month.';
comment on column reporting.dim_date.iso_year is 'The year that its ISO week belongs to.';
comment on column reporting.dim_date.iso_week is 'The ISO week, 1 to 53.';
comment on column reporting.dim_date.weekday is '1 for Monday to 7 for Sunday.';
comment on column reporting.dim_date.is_weekend is 'Saturday or Sunday.';

-- The videos by their first listing, and of each its newest row by index: never all of the past.
create view reporting.video_latest as
select n.*
from (
    select distinct
        store_code,
        video_id
    from snapshots.video_change
) as v
cross join lateral (
    select
        d.store_code,
        d.account_id,
        d.video_id,
        d.snapshot_date,
        d.create_time,
        d.age_days,
        d.view_count,
        d.like_count,
        d.comment_count,
        d.share_count,
        d.engagement_rate
    from reporting.video_daily as d
    where
        d.store_code = v.store_code
        and d.video_id = v.video_id
        and not d.quarantined
    order by d.snapshot_date desc
    limit 1
) as n;

comment on view reporting.video_latest is 'One row per video: its newest observation that is not quarantined.';
comment on column reporting.video_latest.store_code is 'The store that the video''s account belongs to.';
comment on column reporting.video_latest.account_id is 'The account: hub.store_accounts.id.';
comment on column reporting.video_latest.video_id is 'TikTok''s id of the video.';
comment on column reporting.video_latest.snapshot_date is 'The day of that observation; an old one: the video has left its list.';
comment on column reporting.video_latest.create_time is 'When the video was posted.';
comment on column reporting.video_latest.age_days is 'Its age on that day.';
comment on column reporting.video_latest.view_count is 'Views by then.';
comment on column reporting.video_latest.like_count is 'Likes by then.';
comment on column reporting.video_latest.comment_count is 'Comments by then.';
comment on column reporting.video_latest.share_count is 'Shares by then.';
comment on column reporting.video_latest.engagement_rate is '(likes + comments + shares) / views.';

-- One branch for each length: whoever asks for one of them has the others left out.
create view reporting.top_videos as
with newest as (
    select max(snapshot_date) as day
    from reporting.video_daily
),

gained as (
    select
        1 as window_days,
        store_code,
        account_id,
        video_id,
        sum(view_delta)::bigint as views_gained,
        max(span_days) as longest_span_days
    from reporting.video_daily
    where snapshot_date > (select day from newest) - 1
    group by store_code, account_id, video_id
    union all
    select
        7,
        store_code,
        account_id,
        video_id,
        sum(view_delta)::bigint,
        max(span_days)
    from reporting.video_daily
    where snapshot_date > (select day from newest) - 7
    group by store_code, account_id, video_id
    union all
    select
        28,
        store_code,
        account_id,
        video_id,
        sum(view_delta)::bigint,
        max(span_days)
    from reporting.video_daily
    where snapshot_date > (select day from newest) - 28
    group by store_code, account_id, video_id
)

select
    window_days,
    rank() over (partition by window_days order by views_gained desc) as place,
    store_code,
    account_id,
    video_id,
    views_gained,
    longest_span_days
from gained
where views_gained is not null;

comment on view reporting.top_videos is
'One row per video and length of time: the views that it gained in the 1, 7 or 28 days up to the newest.';
comment on column reporting.top_videos.window_days is '1, 7 or 28; ask for one of them.';
comment on column reporting.top_videos.place is '1 for the video that gained most; equal ones share it.';
comment on column reporting.top_videos.store_code is 'The store that the video''s account belongs to.';
comment on column reporting.top_videos.account_id is 'The account: hub.store_accounts.id.';
comment on column reporting.top_videos.video_id is 'TikTok''s id of the video.';
comment on column reporting.top_videos.views_gained is
'The sum of its deltas on these days; a first observation is a baseline and adds nothing.';
comment on column reporting.top_videos.longest_span_days is
'The most days that one of the deltas spans; above 1 it may have begun before these days.';

create view reporting.posting_time as
with zone as (
    select time_zone
    from capture.account_day
    order by
        endpoint desc,
        day desc,
        account_id desc
    limit 1
)

select
    extract(isodow from v.create_time at time zone z.time_zone)::integer as weekday,
    extract(hour from v.create_time at time zone z.time_zone)::integer as hour,
    count(*)::integer as videos,
    percentile_cont(0.5) within group (order by v.view_count) as median_views,
    percentile_cont(0.5) within group (order by v.engagement_rate) as median_engagement_rate
from reporting.video_latest as v
cross join zone as z
where
    v.create_time is not null
    and v.age_days >= 7
group by
    weekday,
    hour;

comment on view reporting.posting_time is
'One row per weekday and hour of posting, in the reporting time zone, of videos that were observed at 7 days or older.';
comment on column reporting.posting_time.weekday is '1 for Monday to 7 for Sunday.';
comment on column reporting.posting_time.hour is '0 to 23.';
comment on column reporting.posting_time.videos is 'How many videos were posted then; of few, a median says little.';
comment on column reporting.posting_time.median_views is 'The median of their views so far.';
comment on column reporting.posting_time.median_engagement_rate is 'The median of their (likes + comments + shares) / views.';

create view reporting.store_monthly as
select
    store_code,
    date_trunc('month', snapshot_date)::date as month,
    count(*)::integer as days,
    (count(*) filter (where is_complete))::integer as complete_days,
    (array_agg(follower_count order by snapshot_date desc) filter (where follower_count is not null))[1]
    as follower_count,
    sum(follower_delta)::bigint as follower_delta,
    sum(likes_delta)::bigint as likes_delta,
    sum(video_delta)::bigint as video_delta,
    sum(view_delta)::bigint as view_delta,
    max(longest_span_days) as longest_span_days
from reporting.store_daily
group by
    store_code,
    month;

comment on view reporting.store_monthly is 'One row per store and calendar month: what it gained, and how complete that is.';
comment on column reporting.store_monthly.store_code is 'The store.';
comment on column reporting.store_monthly.month is 'The first day of the month.';
comment on column reporting.store_monthly.days is 'Days on which the store had accounts to observe.';
comment on column reporting.store_monthly.complete_days is 'On how many of them each account was observed.';
comment on column reporting.store_monthly.follower_count is 'Followers on the last day on which all accounts were observed.';
comment on column reporting.store_monthly.follower_delta is 'The sum of the daily deltas; one over a gap counts on its last day.';
comment on column reporting.store_monthly.likes_delta is 'Likes gained by the profiles, summed in the same way.';
comment on column reporting.store_monthly.video_delta is 'Public videos more than before, summed in the same way.';
comment on column reporting.store_monthly.view_delta is 'Views gained by its videos, summed in the same way.';
comment on column reporting.store_monthly.longest_span_days is
'The most days that one of the deltas of accounts spans; longer than the month so far: it began before.';

-- A store is compared with stores of its size, by its place among them: one viral store moves no other's.
create view reporting.store_benchmark as
with newest as (
    select max(snapshot_date) as day
    from reporting.account_daily
),

gained as (
    select
        s.store_code,
        (array_agg(s.follower_count order by s.snapshot_date desc) filter (where s.follower_count is not null))[1]
        as follower_count,
        (array_agg(s.engagement_rate order by s.snapshot_date desc) filter (where s.engagement_rate is not null))[1]
        as engagement_rate,
        sum(s.follower_delta)::bigint as followers_gained,
        sum(s.view_delta)::bigint as views_gained
    from reporting.store_daily as s
    where s.snapshot_date > (select day from newest) - 28
    group by s.store_code
),

banded as (
    select
        *,
        case
            when follower_count < 1000 then 'below 1,000'
            when follower_count < 10000 then '1,000 to 9,999'
            when follower_count < 100000 then '10,000 to 99,999'
            else '100,000 and more'
        end as band
    from gained
    where follower_count is not null
)

select
    store_code,
    band,
    count(*) over (partition by band)::integer as stores_in_band,
    follower_count,
    followers_gained,
    case when followers_gained is not null then cume_dist() over (
        partition by band, followers_gained is null
        order by followers_gained
    ) end as followers_percentile,
    views_gained,
    case when views_gained is not null then cume_dist() over (
        partition by band, views_gained is null
        order by views_gained
    ) end as views_percentile,
    engagement_rate,
    case when engagement_rate is not null then cume_dist() over (
        partition by band, engagement_rate is null
        order by engagement_rate
    ) end as engagement_percentile
from banded;

comment on view reporting.store_benchmark is
'One row per store with a known number of followers in the 28 days up to the newest: its place among stores of its size.';
comment on column reporting.store_benchmark.store_code is 'The store.';
comment on column reporting.store_benchmark.band is 'The stores of its size, by followers.';
comment on column reporting.store_benchmark.stores_in_band is 'How many stores that is; of few, a percentile says little.';
comment on column reporting.store_benchmark.follower_count is 'Its followers on the last day on which all accounts were observed.';
comment on column reporting.store_benchmark.followers_gained is 'Followers gained in these days.';
comment on column reporting.store_benchmark.followers_percentile is
'The share of its band''s stores that gained as many followers or fewer, itself among them: above 0 to 1.';
comment on column reporting.store_benchmark.views_gained is 'Views gained in these days.';
comment on column reporting.store_benchmark.views_percentile is 'The same by views gained.';
comment on column reporting.store_benchmark.engagement_rate is 'Its latest (likes + comments + shares) / views.';
comment on column reporting.store_benchmark.engagement_percentile is 'The same by engagement rate.';

-- For charts alone: what lies between two observations is drawn on a straight line, and says so.
create view reporting.account_daily_filled as
select
    d.store_code,
    d.account_id,
    d.snapshot_date - k.back as snapshot_date,
    d.follower_count - round(d.follower_delta * k.back::numeric / d.span_days)::bigint as follower_count,
    d.likes_count - round(d.likes_delta * k.back::numeric / d.span_days)::bigint as likes_count,
    d.video_count - round(d.video_delta * k.back::numeric / d.span_days)::bigint as video_count,
    true as is_interpolated
from reporting.account_daily as d
cross join lateral generate_series(1, d.span_days - 1) as k (back)
union all
select
    store_code,
    account_id,
    snapshot_date,
    follower_count,
    likes_count,
    video_count,
    false
from reporting.account_daily
where not quarantined;

comment on view reporting.account_daily_filled is
'One row per account and day from its first to its last observation; days without one lie on a straight line between two.';
comment on column reporting.account_daily_filled.store_code is 'The store that the account belongs to.';
comment on column reporting.account_daily_filled.account_id is 'The account: hub.store_accounts.id.';
comment on column reporting.account_daily_filled.snapshot_date is 'The day in the reporting time zone.';
comment on column reporting.account_daily_filled.follower_count is 'Followers; NULL when one of the two observations had none.';
comment on column reporting.account_daily_filled.likes_count is 'Likes; NULL when one of the two observations had none.';
comment on column reporting.account_daily_filled.video_count is 'Public videos; NULL when one of the two observations had none.';
comment on column reporting.account_daily_filled.is_interpolated is 'Nobody observed this: it is there for a chart, and no fact.';

create view reporting.video_daily_filled as
select
    d.store_code,
    d.account_id,
    d.video_id,
    d.snapshot_date - k.back as snapshot_date,
    d.view_count - round(d.view_delta * k.back::numeric / d.span_days)::bigint as view_count,
    d.like_count - round(d.like_delta * k.back::numeric / d.span_days)::bigint as like_count,
    d.comment_count - round(d.comment_delta * k.back::numeric / d.span_days)::bigint as comment_count,
    d.share_count - round(d.share_delta * k.back::numeric / d.span_days)::bigint as share_count,
    true as is_interpolated
from reporting.video_daily as d
cross join lateral generate_series(1, d.span_days - 1) as k (back)
union all
select
    store_code,
    account_id,
    video_id,
    snapshot_date,
    view_count,
    like_count,
    comment_count,
    share_count,
    false
from reporting.video_daily
where not quarantined;

comment on view reporting.video_daily_filled is
'One row per video and day from its first to its last observation; days without one lie on a straight line between two.';
comment on column reporting.video_daily_filled.store_code is 'The store that the video''s account belongs to.';
comment on column reporting.video_daily_filled.account_id is 'The account: hub.store_accounts.id.';
comment on column reporting.video_daily_filled.video_id is 'TikTok''s id of the video.';
comment on column reporting.video_daily_filled.snapshot_date is 'The day in the reporting time zone.';
comment on column reporting.video_daily_filled.view_count is 'Views; NULL when one of the two observations had none.';
comment on column reporting.video_daily_filled.like_count is 'Likes; NULL when one of the two observations had none.';
comment on column reporting.video_daily_filled.comment_count is 'Comments; NULL when one of the two observations had none.';
comment on column reporting.video_daily_filled.share_count is 'Shares; NULL when one of the two observations had none.';
comment on column reporting.video_daily_filled.is_interpolated is 'Nobody observed this: it is there for a chart, and no fact.';
