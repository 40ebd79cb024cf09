-- Snapshots of days from first to last, in the ledger as imported since nothing else may lie in the past: accounts in stores of three, each with a list of so many videos, of which a
-- new one takes the oldest's place every tenth day. Now and then a list or a profile is missing, or in quarantine.
insert into hub.stores (store_code, store_name, pic_name)
select
    'bench_' || n,
    'Bench ' || n,
    'nobody'
from generate_series(0, (%(accounts)s - 1) / 3) as n
on conflict do nothing;

insert into hub.store_accounts
    (store_code, client_key, open_id, token_expires_at, refresh_token_expires_at, scope, connected_at)
select
    'bench_' || (n - 1) / 3,
    'bench',
    n,
    ops.now(),
    ops.now(),
    'video.list',
    %(began)s::date
from generate_series(1, %(accounts)s) as n
on conflict do nothing;

insert into capture.account_day (account_id, endpoint, day, time_zone, state, reason, finished_at)
select
    a.id,
    e.endpoint,
    d::date,
    'Asia/Jakarta',
    case when m.missed then 'gap' else 'imported' end,
    case when m.missed then 'missed' end,
    d at time zone 'Asia/Jakarta' + interval '3 hours'
from hub.store_accounts as a
cross join generate_series(%(first)s::timestamp, %(last)s::timestamp, interval '1 day') as d
cross join (values ('user_info', 5, 53), ('video_list', 7, 41)) as e (endpoint, step, cycle)
cross join lateral (
    select (a.open_id::bigint * e.step + (d::date - %(began)s::date)) %% e.cycle = 0 as missed
) as m;

insert into snapshots.quarantine (account_id, endpoint, day, check_name, reason)
select
    account_id,
    endpoint,
    day,
    'bench',
    'made up'
from capture.account_day
where
    day between %(first)s and %(last)s
    and state = 'imported'
    and (account_id * 11 + (day - %(began)s::date)) %% 997 = 0;

insert into snapshots.tiktok_user_daily (
    store_code, account_id, open_id, snapshot_date, display_name, follower_count, following_count, likes_count,
    video_count, observed_at, source, late, capture_no
)
select
    a.store_code,
    a.id,
    a.open_id,
    l.day,
    'Bench account ' || a.id,
    (a.id * 7919) %% 200000 + (l.day - %(began)s::date) * (a.id %% 50),
    10,
    (a.id * 104729) %% 1000000 + (l.day - %(began)s::date) * (a.id %% 500),
    %(videos)s,
    l.finished_at,
    'capture',
    false,
    1
from capture.account_day as l
inner join hub.store_accounts as a on a.id = l.account_id
where
    l.endpoint = 'user_info'
    and l.day between %(first)s and %(last)s
    and l.state = 'imported';

create table bench_videos (like snapshots.tiktok_video_daily including defaults including constraints);

insert into bench_videos (
    store_code, account_id, open_id, video_id, snapshot_date, description, share_url, create_time, view_count, like_count,
    comment_count, share_count, duration, observed_at, source, late, capture_no
)
select
    a.store_code,
    a.id,
    a.open_id,
    '7' || lpad(a.open_id, 8, '0') || lpad(k::text, 10, '0'),
    l.day,
    'Caption of video ' || k || ' of account ' || a.open_id || ' #bench #fyp',
    'https://www.tiktok.com/@bench/video/7' || lpad(a.open_id, 8, '0') || lpad(k::text, 10, '0'),
    l.day::timestamp at time zone 'Asia/Jakarta' - make_interval(days => v.age) + make_interval(hours => v.hash %% 24),
    v.views,
    v.views / 20,
    v.views / 300,
    v.views / 500,
    30,
    l.finished_at,
    'capture',
    false,
    1
from capture.account_day as l
inner join hub.store_accounts as a on a.id = l.account_id
cross join lateral (select (l.day - %(began)s::date) + a.open_id::integer %% 10 as n) as d
cross join lateral generate_series(d.n / 10, d.n / 10 + %(videos)s - 1) as k
cross join lateral (
    select
        d.n - 10 * (k - %(videos)s + 1) as age,
        abs(hashint8(a.open_id::bigint * 100000 + k) %% 100000) as hash
) as f
cross join lateral (
    select
        f.age,
        f.hash,
        floor((100 + f.hash) * ln(2 + f.age))::bigint as views
) as v
where
    l.endpoint = 'video_list'
    and l.day between %(first)s and %(last)s
    and l.state = 'imported'
order by l.day;

insert into snapshots.video_change (store_code, account_id, video_id, snapshot_date, listed)
select
    v.store_code,
    v.account_id,
    v.video_id,
    min(v.snapshot_date),
    true
from bench_videos as v
where
    (%(first)s::date = %(began)s::date or v.create_time > %(first)s::date - 5)
    and not exists (
        select
        from snapshots.video_change as c
        where
            c.account_id = v.account_id
            and c.video_id = v.video_id
    )
group by
    v.store_code,
    v.account_id,
    v.video_id;
