-- reporting.account_daily: one row per account and day with a profile, of the days from first to last. Compares it with
-- the profile before, so the next profile after `last` is looked at too, when it is not after `until`. A quarantined
-- profile has no numbers and nothing is compared with it. Of the stores, one of so many shares.
with mine as materialized (
    select
        store_code,
        open_id
    from hub.store_accounts
    where ops.share_of(store_code, %(shares)s) = %(share)s
),

held as materialized (
    select
        account_id,
        day
    from snapshots.quarantine
    where
        endpoint = 'user_info'
        and released_at is null
),

-- Two looks an account, at the observation before the days and at the one after them, however long the past is.
around as (
    select
        store_code,
        account_id,
        open_id,
        snapshot_date,
        follower_count,
        following_count,
        likes_count,
        video_count,
        observed_at,
        source,
        late
    from snapshots.tiktok_user_daily
    where
        snapshot_date between %(first)s and %(last)s
        and ops.share_of(store_code, %(shares)s) = %(share)s
    union all
    select o.*
    from mine as m
    cross join lateral (
        select
            s.store_code,
            s.account_id,
            s.open_id,
            s.snapshot_date,
            s.follower_count,
            s.following_count,
            s.likes_count,
            s.video_count,
            s.observed_at,
            s.source,
            s.late
        from snapshots.tiktok_user_daily as s
        where
            s.store_code = m.store_code
            and s.open_id = m.open_id
            and s.snapshot_date < %(first)s
            and (s.account_id, s.snapshot_date) not in (
                select
                    account_id,
                    day
                from held
            )
        order by s.snapshot_date desc
        limit 1
    ) as o
    union all
    select o.*
    from mine as m
    cross join lateral (
        select
            s.store_code,
            s.account_id,
            s.open_id,
            s.snapshot_date,
            s.follower_count,
            s.following_count,
            s.likes_count,
            s.video_count,
            s.observed_at,
            s.source,
            s.late
        from snapshots.tiktok_user_daily as s
        where
            s.store_code = m.store_code
            and s.open_id = m.open_id
            and s.snapshot_date > %(last)s
            and s.snapshot_date <= %(until)s
            and (s.account_id, s.snapshot_date) not in (
                select
                    account_id,
                    day
                from held
            )
        order by s.snapshot_date
        limit 1
    ) as o
),

observed as (
    select
        a.*,
        h.day is not null as quarantined
    from around as a
    left join held as h
        on
            a.account_id = h.account_id
            and a.snapshot_date = h.day
),

compared as (
    select
        *,
        lag(snapshot_date) over before as previous_date,
        lag(follower_count) over before as previous_followers,
        lag(following_count) over before as previous_following,
        lag(likes_count) over before as previous_likes,
        lag(video_count) over before as previous_videos
    from observed
    window before as (
        partition by store_code, open_id, quarantined
        order by snapshot_date
    )
),

wanted as materialized (
    select
        c.store_code,
        c.account_id,
        c.open_id,
        c.snapshot_date,
        n.follower_count,
        n.following_count,
        n.likes_count,
        n.video_count,
        n.previous_date,
        c.snapshot_date - n.previous_date as span_days,
        n.follower_count - c.previous_followers as follower_delta,
        n.following_count - c.previous_following as following_delta,
        n.likes_count - c.previous_likes as likes_delta,
        n.video_count - c.previous_videos as video_delta,
        c.observed_at,
        c.source,
        c.late,
        c.quarantined
    from compared as c
    left join lateral (
        select
            c.follower_count,
            c.following_count,
            c.likes_count,
            c.video_count,
            c.previous_date
        where not c.quarantined
    ) as n on true
    where c.snapshot_date >= %(first)s
),

removed as (
    delete from reporting.account_daily as r
    where
        r.snapshot_date between %(first)s and %(last)s
        and ops.share_of(r.store_code, %(shares)s) = %(share)s
        and not exists (
            select
            from wanted as w
            where
                w.store_code = r.store_code
                and w.open_id = r.open_id
                and w.snapshot_date = r.snapshot_date
        )
    returning r.account_id
),

written as (
    insert into reporting.account_daily as r (
        store_code, account_id, open_id, snapshot_date,
        follower_count, following_count, likes_count, video_count,
        previous_date, span_days, follower_delta, following_delta, likes_delta, video_delta,
        observed_at, source, late, quarantined
    )
    select *
    from wanted
    on conflict (store_code, open_id, snapshot_date) do update
    set
        account_id = excluded.account_id,
        follower_count = excluded.follower_count,
        following_count = excluded.following_count,
        likes_count = excluded.likes_count,
        video_count = excluded.video_count,
        previous_date = excluded.previous_date,
        span_days = excluded.span_days,
        follower_delta = excluded.follower_delta,
        following_delta = excluded.following_delta,
        likes_delta = excluded.likes_delta,
        video_delta = excluded.video_delta,
        observed_at = excluded.observed_at,
        source = excluded.source,
        late = excluded.late,
        quarantined = excluded.quarantined
    where
        (
            r.account_id, r.follower_count, r.following_count, r.likes_count, r.video_count,
            r.previous_date, r.follower_delta, r.following_delta, r.likes_delta, r.video_delta,
            r.observed_at, r.source, r.late, r.quarantined
        ) is distinct from (
            excluded.account_id, excluded.follower_count, excluded.following_count, excluded.likes_count,
            excluded.video_count, excluded.previous_date, excluded.follower_delta, excluded.following_delta,
            excluded.likes_delta, excluded.video_delta, excluded.observed_at, excluded.source, excluded.late,
            excluded.quarantined
        )
    returning r.account_id
)

select account_id from removed
union all
select account_id from written;
