-- The ledger of so many accounts and days, up to today, with something of everything that conditions look for. No row
-- comes back.
insert into hub.stores (store_code, store_name, pic_name)
select
    'bench_' || n,
    'Bench ' || n,
    'nobody'
from generate_series(1, %(accounts)s) as n;

insert into hub.store_accounts
    (store_code, client_key, open_id, token_expires_at, refresh_token_expires_at, scope, status, connected_at, known_since)
select
    'bench_' || n,
    'bench',
    'open-' || n,
    ops.now(),
    ops.now(),
    'video.list',
    case when n %% 500 = 0 then 'NEED_RECONNECT' else 'CONNECTED' end,
    ops.now() - make_interval(days => %(days)s),
    ops.now() - make_interval(days => %(days)s)
from generate_series(1, %(accounts)s) as n;

alter table capture.account_day disable trigger user;

insert into capture.account_day (
    account_id, endpoint, day, time_zone, state, reason, error_code, pages, items, chosen_capture_no, started_at,
    captured_at, finished_at
)
select
    a.id,
    e.endpoint,
    d.day,
    'UTC',
    s.state,
    case s.state when 'gap' then 'missed' when 'failed' then 'malformed' end,
    case s.state when 'failed' then 'cursor_stuck' end,
    case s.state when 'captured' then 3 else 0 end,
    case s.state when 'captured' then 50 else 0 end,
    case s.state when 'captured' then 1 end,
    d.day + interval '2 hours',
    case s.state when 'captured' then d.day + interval '2 hours' end,
    d.day + interval '2 hours'
from generate_series(0, %(days)s - 1) as n
cross join lateral (select ops.day_of(ops.now(), 'UTC') - n as day) as d
cross join unnest(array['user_info', 'video_list']) as e (endpoint)
cross join hub.store_accounts as a
cross join lateral (
    select case
        when n = 0 and a.id %% 100 = 0 then 'failed'
        when n > 0 and a.id %% 1000 = 0 then 'gap'
        else 'captured'
    end as state
) as s
order by
    d.day,
    e.endpoint,
    a.id;

alter table capture.account_day enable trigger user;

select ops.ensure_partitions(ops.day_of(ops.now(), 'UTC') - 1, ops.day_of(ops.now(), 'UTC'));

insert into snapshots.tiktok_user_daily (
    store_code, account_id, open_id, snapshot_date, follower_count, source, late, capture_no
)
select
    a.store_code,
    a.id,
    a.open_id,
    ops.day_of(ops.now(), 'UTC') - 1,
    1000,
    'capture',
    false,
    1
from hub.store_accounts as a;

insert into snapshots.tiktok_video_daily (
    store_code, account_id, open_id, video_id, snapshot_date, observed_at, view_count, source, late, capture_no
)
select
    a.store_code,
    a.id,
    a.open_id,
    a.id || '-' || n,
    d.day,
    d.day + interval '2 hours',
    1000,
    'capture',
    false,
    1
from hub.store_accounts as a
cross join generate_series(1, 20) as n
cross join generate_series(ops.day_of(ops.now(), 'UTC') - 1, ops.day_of(ops.now(), 'UTC'), interval '1 day') as s (at)
cross join lateral (select s.at::date as day) as d;

insert into reporting.viral_videos (
    store_code, account_id, video_id, snapshot_date, level, age_days, view_count, gained, expected, ratio, compared_videos
)
select
    v.store_code,
    v.account_id,
    v.video_id,
    v.snapshot_date,
    5,
    10,
    1000,
    1000,
    100,
    10,
    20
from snapshots.tiktok_video_daily as v
where v.video_id in (v.account_id || '-1', v.account_id || '-2') and v.account_id %% 100 = 0;

insert into snapshots.quarantine (account_id, endpoint, day, check_name, reason)
select
    a.id,
    'video_list',
    ops.day_of(ops.now(), 'UTC') - n,
    'zeroed_videos',
    'made up'
from hub.store_accounts as a
cross join generate_series(0, %(days)s - 1) as n
where a.id %% 1000 = 1;

insert into reporting.quality_results (table_name, check_name, day, passed, severity, failing_since, checked)
select
    'snapshots.tiktok_video_daily',
    case c when 0 then 'zeroed_videos' else 'check_' || c end,
    ops.day_of(ops.now(), 'UTC') - n,
    c <> 1,
    'warning',
    case when c = 1 then ops.now() end,
    1
from generate_series(0, 39) as c
cross join generate_series(0, %(days)s - 1) as n;

insert into ops.circuit (client_key, endpoint, failures, last_error, opened_at, rest, probe_at)
values ('bench', '/v2/video/list/', 20, 'http_503', ops.now() - interval '1 hour', '1 minute', ops.now());

insert into ops.heartbeat (daemon, first_at, last_at)
values
('a', ops.now() - interval '1 hour', ops.now()),
('b', ops.now() - interval '1 hour', ops.now());
