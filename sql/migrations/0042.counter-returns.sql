-- What counters gained while TikTok left them out. A delta compares with the observation before, and is NULL when that one
-- lacks the counter; without this the gain would be counted nowhere.
-- depends: 0030.reports

-- A part per counter, so that a question about one looks only for rows of its own.
create view reporting.counter_returns as
select
    r.store_code,
    r.account_id,
    null::text as video_id,
    r.snapshot_date,
    'follower_count' as counter,
    r.follower_count - p.follower_count as gained,
    p.snapshot_date as previous_date,
    r.snapshot_date - p.snapshot_date as span_days
from reporting.account_daily as r
cross join lateral (
    select
        before.snapshot_date,
        before.follower_count
    from reporting.account_daily as before
    where
        before.store_code = r.store_code
        and before.open_id = r.open_id
        and before.snapshot_date < r.previous_date
        and before.follower_count is not null
    order by before.snapshot_date desc
    limit 1
) as p
where
    r.follower_delta is null
    and r.follower_count is not null
    and r.previous_date is not null

union all

select
    r.store_code,
    r.account_id,
    null,
    r.snapshot_date,
    'following_count',
    r.following_count - p.following_count,
    p.snapshot_date,
    r.snapshot_date - p.snapshot_date
from reporting.account_daily as r
cross join lateral (
    select
        before.snapshot_date,
        before.following_count
    from reporting.account_daily as before
    where
        before.store_code = r.store_code
        and before.open_id = r.open_id
        and before.snapshot_date < r.previous_date
        and before.following_count is not null
    order by before.snapshot_date desc
    limit 1
) as p
where
    r.following_delta is null
    and r.following_count is not null
    and r.previous_date is not null

union all

select
    r.store_code,
    r.account_id,
    null,
    r.snapshot_date,
    'likes_count',
    r.likes_count - p.likes_count,
    p.snapshot_date,
    r.snapshot_date - p.snapshot_date
from reporting.account_daily as r
cross join lateral (
    select
        before.snapshot_date,
        before.likes_count
    from reporting.account_daily as before
    where
        before.store_code = r.store_code
        and before.open_id = r.open_id
        and before.snapshot_date < r.previous_date
        and before.likes_count is not null
    order by before.snapshot_date desc
    limit 1
) as p
where
    r.likes_delta is null
    and r.likes_count is not null
    and r.previous_date is not null

union all

select
    r.store_code,
    r.account_id,
    null,
    r.snapshot_date,
    'video_count',
    r.video_count - p.video_count,
    p.snapshot_date,
    r.snapshot_date - p.snapshot_date
from reporting.account_daily as r
cross join lateral (
    select
        before.snapshot_date,
        before.video_count
    from reporting.account_daily as before
    where
        before.store_code = r.store_code
        and before.open_id = r.open_id
        and before.snapshot_date < r.previous_date
        and before.video_count is not null
    order by before.snapshot_date desc
    limit 1
) as p
where
    r.video_delta is null
    and r.video_count is not null
    and r.previous_date is not null

union all

select
    r.store_code,
    r.account_id,
    r.video_id,
    r.snapshot_date,
    'view_count',
    r.view_count - p.view_count,
    p.snapshot_date,
    r.snapshot_date - p.snapshot_date
from reporting.video_daily as r
cross join lateral (
    select
        before.snapshot_date,
        before.view_count
    from reporting.video_daily as before
    where
        before.store_code = r.store_code
        and before.video_id = r.video_id
        and before.snapshot_date < r.previous_date
        and before.view_count is not null
    order by before.snapshot_date desc
    limit 1
) as p
where
    r.view_delta is null
    and r.view_count is not null
    and r.previous_date is not null

union all

select
    r.store_code,
    r.account_id,
    r.video_id,
    r.snapshot_date,
    'like_count',
    r.like_count - p.like_count,
    p.snapshot_date,
    r.snapshot_date - p.snapshot_date
from reporting.video_daily as r
cross join lateral (
    select
        before.snapshot_date,
        before.like_count
    from reporting.video_daily as before
    where
        before.store_code = r.store_code
        and before.video_id = r.video_id
        and before.snapshot_date < r.previous_date
        and before.like_count is not null
    order by before.snapshot_date desc
    limit 1
) as p
where
    r.like_delta is null
    and r.like_count is not null
    and r.previous_date is not null

union all

select
    r.store_code,
    r.account_id,
    r.video_id,
    r.snapshot_date,
    'comment_count',
    r.comment_count - p.comment_count,
    p.snapshot_date,
    r.snapshot_date - p.snapshot_date
from reporting.video_daily as r
cross join lateral (
    select
        before.snapshot_date,
        before.comment_count
    from reporting.video_daily as before
    where
        before.store_code = r.store_code
        and before.video_id = r.video_id
        and before.snapshot_date < r.previous_date
        and before.comment_count is not null
    order by before.snapshot_date desc
    limit 1
) as p
where
    r.comment_delta is null
    and r.comment_count is not null
    and r.previous_date is not null

union all

select
    r.store_code,
    r.account_id,
    r.video_id,
    r.snapshot_date,
    'share_count',
    r.share_count - p.share_count,
    p.snapshot_date,
    r.snapshot_date - p.snapshot_date
from reporting.video_daily as r
cross join lateral (
    select
        before.snapshot_date,
        before.share_count
    from reporting.video_daily as before
    where
        before.store_code = r.store_code
        and before.video_id = r.video_id
        and before.snapshot_date < r.previous_date
        and before.share_count is not null
    order by before.snapshot_date desc
    limit 1
) as p
where
    r.share_delta is null
    and r.share_count is not null
    and r.previous_date is not null;

comment on view reporting.counter_returns is
'One row per counter that TikTok gives again after days on which it left it out: what it gained meanwhile, which is in no delta.';
comment on column reporting.counter_returns.store_code is 'The store that the account belongs to.';
comment on column reporting.counter_returns.account_id is 'The account: hub.store_accounts.id.';
comment on column reporting.counter_returns.video_id is 'The video; NULL for a counter of the profile.';
comment on column reporting.counter_returns.snapshot_date is 'The day in the reporting time zone on which it is there again.';
comment on column reporting.counter_returns.counter is
'The column of account_daily (follower_count, following_count, likes_count, video_count) or video_daily (view_count, like_count, comment_count, share_count).';
comment on column reporting.counter_returns.gained is 'Gained since it was last known; negative when it fell.';
comment on column reporting.counter_returns.previous_date is 'The day on which it was last known.';
comment on column reporting.counter_returns.span_days is 'Days since then: the gain is of so many.';
