-- Snapshots as they were derived, of days from first to last: accounts x days profiles and verdicts, and videos a list.
-- Some days have no list, some videos are not on it, and some counters fall. No row comes back.
insert into hub.stores (store_code, store_name, pic_name)
select
    'bench_' || n,
    'Bench ' || n,
    'nobody'
from generate_series(1, %(accounts)s) as n
on conflict do nothing;

insert into hub.store_accounts
    (store_code, client_key, open_id, token_expires_at, refresh_token_expires_at, scope, connected_at)
select
    'bench_' || n,
    'bench',
    'open-' || n,
    ops.now(),
    ops.now(),
    'video.list',
    %(first)s::date
from generate_series(1, %(accounts)s) as n
on conflict do nothing;

select ops.ensure_partitions(%(first)s, %(last)s);

insert into snapshots.account_day_verdict (
    store_code, account_id, snapshot_date, verdict, reason, pages, listed_videos, distinct_videos, duplicates,
    chain_closed, source, late, capture_no
)
select
    a.store_code,
    a.id,
    d::date,
    'COMPLETE',
    'made up',
    1,
    v.videos,
    v.videos,
    0,
    true,
    'capture',
    false,
    1
from hub.store_accounts as a
cross join generate_series(%(first)s::date, %(last)s::date, interval '1 day') as d
cross join lateral (
    select count(*) as videos
    from generate_series(1, %(videos)s) as n
    where (a.id * 7 + (d::date - date '2020-01-01') + n * 5) %% 31 <> 0
) as v
where (a.id * 3 + (d::date - date '2020-01-01')) %% 23 <> 0;

insert into snapshots.tiktok_video_daily (
    store_code, account_id, open_id, video_id, snapshot_date, view_count, like_count, comment_count, share_count,
    source, late, capture_no
)
select
    v.store_code,
    v.account_id,
    'open-' || v.account_id,
    v.account_id || '-' || n,
    v.snapshot_date,
    (v.snapshot_date - date '2020-01-01') * 10 - (v.account_id + (v.snapshot_date - date '2020-01-01')) %% 13 * n,
    100 + (v.account_id * n + (v.snapshot_date - date '2020-01-01')) %% 17,
    n,
    n,
    'capture',
    false,
    1
from snapshots.account_day_verdict as v
cross join generate_series(1, %(videos)s) as n
where
    v.snapshot_date between %(first)s and %(last)s
    and (v.account_id * 7 + (v.snapshot_date - date '2020-01-01') + n * 5) %% 31 <> 0
order by v.snapshot_date;

insert into snapshots.tiktok_user_daily (
    store_code, account_id, open_id, snapshot_date, follower_count, following_count, likes_count, video_count,
    source, late, capture_no
)
select
    a.store_code,
    a.id,
    a.open_id,
    d::date,
    1000 + (a.id + (d::date - date '2020-01-01')) %% 29,
    10,
    d::date - date '2020-01-01',
    %(videos)s,
    'capture',
    false,
    1
from hub.store_accounts as a
cross join generate_series(%(first)s::date, %(last)s::date, interval '1 day') as d
where (a.id * 5 + (d::date - date '2020-01-01')) %% 19 <> 0;
