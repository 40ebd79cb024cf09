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
),

wanted as materialized (
    select
        a.store_code,
        a.open_id,
        n.*
    from answers as n
    inner join hub.store_accounts as a on n.account_id = a.id
    where ops.share_of(a.store_code, %(shares)s) = %(share)s
),

-- What was captured and lies in an archive now: nothing here can tell what its rows were, so they stay.
archived as materialized (
    select
        d.account_id,
        d.day
    from capture.account_day as d
    left join capture.user_info as p
        on
            d.account_id = p.account_id
            and d.day = p.day
            and d.chosen_capture_no = p.capture_no
            and p.endpoint = 'user_info'
            and p.day between %(first)s and %(last)s
    where
        d.endpoint = 'user_info'
        and d.day between %(first)s and %(last)s
        and d.chosen_capture_no is not null
        and p.account_id is null
),

removed as (
    delete from snapshots.tiktok_user_daily as s
    where
        s.snapshot_date between %(first)s and %(last)s
        and ops.share_of(s.store_code, %(shares)s) = %(share)s
        and not exists (
            select
            from wanted as w
            where
                w.store_code = s.store_code
                and w.open_id = s.open_id
                and w.day = s.snapshot_date
        )
        and not exists (
            select
            from archived as x
            where
                x.account_id = s.account_id
                and x.day = s.snapshot_date
        )
    returning s.account_id
),

written as (
    insert into snapshots.tiktok_user_daily as s (
        store_code, open_id, snapshot_date, display_name, avatar_url,
        follower_count, following_count, likes_count, video_count,
        account_id, username, bio_description, is_verified, observed_at, source, late, capture_no
    )
    select
        n.store_code,
        n.open_id,
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
    from wanted as n
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
        (
            s.display_name, s.avatar_url, s.follower_count, s.following_count, s.likes_count, s.video_count,
            s.account_id, s.username, s.bio_description, s.is_verified, s.observed_at, s.source, s.late, s.capture_no
        ) is distinct from (
            excluded.display_name, excluded.avatar_url, excluded.follower_count, excluded.following_count,
            excluded.likes_count, excluded.video_count, excluded.account_id, excluded.username,
            excluded.bio_description, excluded.is_verified, excluded.observed_at, excluded.source,
            excluded.late, excluded.capture_no
        )
    returning s.account_id
)

select account_id from removed
union all
select account_id from written;
