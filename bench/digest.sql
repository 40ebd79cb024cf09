-- Days of lists, of which the last has gone videos and videos whose views are there again. No row comes back.
insert into hub.stores (store_code, store_name, pic_name)
select 'bench_' || n, 'Bench ' || n, 'nobody' from generate_series(1, %(accounts)s) as n;

insert into hub.store_accounts
    (store_code, client_key, open_id, token_expires_at, refresh_token_expires_at, scope, connected_at)
select 'bench_' || n, 'bench', 'open-' || n, ops.now(), ops.now(), 'video.list', %(last)s::date - %(days)s
from generate_series(1, %(accounts)s) as n;

select ops.ensure_partitions(%(last)s::date - %(days)s, %(last)s);

-- The past is made up; and nothing is summed while it is.
set local session_replication_role = replica;

insert into snapshots.account_day_verdict (
    store_code, account_id, snapshot_date, verdict, reason, pages, listed_videos, distinct_videos, duplicates,
    chain_closed, source, late, capture_no
)
select a.store_code, a.id, d::date, 'COMPLETE', 'counted', 1, %(videos)s, %(videos)s, 0, true, 'capture', false, 1
from hub.store_accounts as a
cross join generate_series(%(last)s::date - %(days)s + 1, %(last)s::date, interval '1 day') as d;

-- Gone on the last day: the third list without them, and asked for in vain.
insert into snapshots.video_change (store_code, account_id, video_id, snapshot_date, listed, previous_date)
select a.store_code, a.id, a.id || '-' || n, %(last)s::date - 2, false, %(last)s::date - 3
from hub.store_accounts as a
cross join generate_series(1, %(vanished)s) as n;

insert into capture.video_query (account_id, day, time_zone, asked, body, observed_at)
select
    a.id,
    %(last)s,
    'UTC',
    array_agg(a.id || '-' || n),
    '{"data": {"videos": []}}',
    %(last)s::date + interval '3 hours'
from hub.store_accounts as a
cross join generate_series(1, %(vanished)s) as n
group by
    a.id,
    (n - 1) / 20;

insert into reporting.account_daily (
    store_code, account_id, open_id, snapshot_date, follower_count, following_count, likes_count, video_count,
    previous_date, span_days, follower_delta, following_delta, likes_delta, video_delta, observed_at, source, late,
    quarantined
)
select
    a.store_code, a.id, a.open_id, d::date, 1000, 1, 1000, %(videos)s, d::date - 1, 1, 1, 0, 1, 0, d, 'capture', false, false
from hub.store_accounts as a
cross join generate_series(%(last)s::date - %(days)s + 1, %(last)s::date, interval '1 day') as d;

insert into reporting.account_videos_daily (
    store_code, account_id, snapshot_date, videos_listed, view_delta, like_delta, comment_delta, share_delta
)
select a.store_code, a.id, d::date, %(videos)s, 100, 1, 1, 1
from hub.store_accounts as a
cross join generate_series(%(last)s::date - %(days)s + 1, %(last)s::date, interval '1 day') as d;

-- The last week has each video; of some the views were left out on the day before the last.
insert into reporting.video_daily (
    store_code, account_id, video_id, snapshot_date, view_count, like_count, comment_count, share_count, previous_date,
    span_days, view_delta, like_delta, comment_delta, share_delta, observed_at, source, late, quarantined
)
select
    a.store_code,
    a.id,
    a.id || '-' || n,
    d::date,
    case when not (n > %(videos)s - %(vanished)s and d = %(last)s::date - 1) then 1000 end,
    10,
    1,
    1,
    d::date - 1,
    1,
    case when n <= %(videos)s - %(vanished)s or d < %(last)s::date - 1 then n end,
    1,
    1,
    1,
    d,
    'capture',
    false,
    false
from hub.store_accounts as a
cross join generate_series(1, %(videos)s) as n
cross join generate_series(%(last)s::date - 6, %(last)s::date, interval '1 day') as d
where n > %(vanished)s or d < %(last)s::date - 2;

set local session_replication_role = origin;
