-- A year of captured pages: accounts x days x pages of 20 videos. No row comes back.
-- The clock guard is off while the past is made up; it stands again afterwards.
insert into hub.stores (store_code, store_name, pic_name)
select 'bench_' || n, 'Bench ' || n, 'nobody' from generate_series(1, %(accounts)s) as n;

insert into hub.store_accounts
    (store_code, client_key, open_id, token_expires_at, refresh_token_expires_at, scope, connected_at)
select 'bench_' || n, 'bench', 'open-' || n, ops.now(), ops.now(), 'video.list', %(first)s::date
from generate_series(1, %(accounts)s) as n;

select ops.ensure_partitions(%(first)s, %(last)s);

alter table capture.page disable trigger page_of_now;
alter table capture.account_day disable trigger happens_now;

insert into capture.account_day
    (account_id, endpoint, day, time_zone, state, chosen_capture_no, pages, items, started_at, captured_at)
select a.id, 'video_list', d::date, 'UTC', 'captured', 1, %(pages)s, %(pages)s * 20, d + interval '2 hours', d + interval '2 hours'
from hub.store_accounts as a
cross join generate_series(%(first)s::date, %(last)s::date, interval '1 day') as d;

insert into capture.page
    (endpoint, day, account_id, capture_no, page_no, body, observed_at, time_zone, log_id)
select
    'video_list',
    d.day,
    d.account_id,
    1,
    p,
    jsonb_build_object(
        'data', jsonb_build_object('videos', v.videos, 'cursor', 1700000000000 - p, 'has_more', p < %(pages)s - 1),
        'error', jsonb_build_object('code', 'ok', 'message', '', 'log_id', md5(p::text))
    ),
    d.day + interval '2 hours',
    'UTC',
    md5(p::text)
from capture.account_day as d
cross join generate_series(0, %(pages)s - 1) as p
cross join lateral (
    select jsonb_agg(
        jsonb_build_object(
            'id', (7300000000000000000 + d.account_id * 1000000 + p * 20 + n)::text,
            'create_time', 1700000000 + n,
            'video_description', 'A caption of a usual length with #hashtags and an emoji 😂 number ' || n,
            'title', 'A caption of a usual length',
            'cover_image_url', 'https://p16.example.com/obj/' || md5(n::text) || '?x-expires=1700000000&x-signature=abc',
            'share_url', 'https://www.tiktok.com/@bench/video/' || n || '?utm_campaign=tt4d_open_api&utm_source=bench',
            'duration', 30 + n, 'height', 1024, 'width', 576,
            'view_count', 100000 + n * (d.day - %(first)s::date), 'like_count', 1000 + n, 'comment_count', n,
            'share_count', n
        )
    ) as videos
    from generate_series(1, 20) as n
) as v;

alter table capture.page enable trigger page_of_now;
alter table capture.account_day enable trigger happens_now;
