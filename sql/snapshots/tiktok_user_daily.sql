-- snapshots.tiktok_user_daily: one row per store, account and day, of the days from first to last.
-- Comes from the chosen capture of each account-day, or from what was imported for it. Of the stores, one of
-- so many shares.
with answers as (
    select
        d.account_id,
        d.day,
        d.late,
        d.chosen_capture_no as capture_no,
        'capture' as source,
        p.observed_at,
        p.body -> 'data' -> 'user' as fields
    from capture.account_day as d
    inner join capture.user_info as p
        on
            d.account_id = p.account_id
            and d.day = p.day
            and d.chosen_capture_no = p.capture_no
    where
        d.endpoint = 'user_info'
        and d.day between %(first)s and %(last)s
        and p.day between %(first)s and %(last)s
        and p.endpoint = 'user_info'
    union all
    select
        d.account_id,
        d.day,
        d.late,
        0 as capture_no,
        'import' as source,
        i.observed_at,
        i.fields
    from capture.account_day as d
    inner join capture.imported as i
        on
            d.account_id = i.account_id
            and d.endpoint = i.endpoint
            and d.day = i.day
    where
        d.endpoint = 'user_info'
        and d.state = 'imported'
        and d.day between %(first)s and %(last)s
)

insert into snapshots.tiktok_user_daily as s (
    store_code, open_id, snapshot_date, display_name, avatar_url,
    follower_count, following_count, likes_count, video_count,
    account_id, username, bio_description, is_verified, observed_at, source, late, capture_no
)
select
    a.store_code,
    a.open_id,
    n.day,
    n.fields ->> 'display_name',
    n.fields ->> 'avatar_url',
    capture.counter(n.fields -> 'follower_count'),
    capture.counter(n.fields -> 'following_count'),
    capture.counter(n.fields -> 'likes_count'),
    capture.counter(n.fields -> 'video_count'),
    n.account_id,
    n.fields ->> 'username',
    n.fields ->> 'bio_description',
    case jsonb_typeof(n.fields -> 'is_verified') when 'boolean' then (n.fields -> 'is_verified')::boolean end,
    n.observed_at,
    n.source,
    n.late,
    n.capture_no
from answers as n
inner join hub.store_accounts as a on n.account_id = a.id
where ops.share_of(a.store_code, %(shares)s) = %(share)s
on conflict (store_code, open_id, snapshot_date) do update
set
    display_name = excluded.display_name,
    avatar_url = excluded.avatar_url,
    follower_count = excluded.follower_count,
    following_count = excluded.following_count,
    likes_count = excluded.likes_count,
    video_count = excluded.video_count,
    account_id = excluded.account_id,
    username = excluded.username,
    bio_description = excluded.bio_description,
    is_verified = excluded.is_verified,
    observed_at = excluded.observed_at,
    source = excluded.source,
    late = excluded.late,
    capture_no = excluded.capture_no
where
    excluded.capture_no >= s.capture_no
    and (
        s.display_name, s.avatar_url, s.follower_count, s.following_count, s.likes_count, s.video_count,
        s.account_id, s.username, s.bio_description, s.is_verified, s.observed_at, s.source, s.late, s.capture_no
    ) is distinct from (
        excluded.display_name, excluded.avatar_url, excluded.follower_count, excluded.following_count,
        excluded.likes_count, excluded.video_count, excluded.account_id, excluded.username,
        excluded.bio_description, excluded.is_verified, excluded.observed_at, excluded.source,
        excluded.late, excluded.capture_no
    );
