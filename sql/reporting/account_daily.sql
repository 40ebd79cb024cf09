-- reporting.account_daily: one row per account and day with a profile, of the days from first to last. Compares it with
-- the profile before, so the next profile after `last` is looked at too, when it is not after `until`. A quarantined
-- profile has no numbers and nothing is compared with it. Of the stores, one of so many shares.
with mine as materialized (
    select
        store_code,
        open_id,
        id as account_id
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

days as (
    select
        store_code,
        open_id,
        snapshot_date as day
    from snapshots.tiktok_user_daily
    where
        snapshot_date between %(first)s and %(last)s
        and ops.share_of(store_code, %(shares)s) = %(share)s
    union all
    select
        m.store_code,
        m.open_id,
        n.day
    from mine as m
    cross join lateral (
        select s.snapshot_date as day
        from snapshots.tiktok_user_daily as s
        where
            s.store_code = m.store_code
            and s.open_id = m.open_id
            and s.snapshot_date > %(last)s
            and s.snapshot_date <= %(until)s
            and not exists (
                select
                from snapshots.quarantine as q
                where
                    q.account_id = s.account_id
                    and q.day = s.snapshot_date
                    and q.endpoint = 'user_info'
                    and q.released_at is null
            )
        order by s.snapshot_date
        limit 1
    ) as n
),

wanted as materialized (
    select
        s.store_code,
        s.account_id,
        s.open_id,
        s.snapshot_date,
        n.follower_count,
        n.following_count,
        n.likes_count,
        n.video_count,
        b.snapshot_date as previous_date,
        s.snapshot_date - b.snapshot_date as span_days,
        n.follower_count - b.follower_count as follower_delta,
        n.following_count - b.following_count as following_delta,
        n.likes_count - b.likes_count as likes_delta,
        n.video_count - b.video_count as video_delta,
        s.observed_at,
        s.source,
        s.late,
        h.day is not null as quarantined
    from days as d
    inner join snapshots.tiktok_user_daily as s
        on
            d.store_code = s.store_code
            and d.open_id = s.open_id
            and d.day = s.snapshot_date
    left join held as h
        on
            s.account_id = h.account_id
            and s.snapshot_date = h.day
    left join lateral (
        select
            s.follower_count,
            s.following_count,
            s.likes_count,
            s.video_count
        where h.day is null
    ) as n on true
    left join lateral (
        select p.*
        from snapshots.tiktok_user_daily as p
        where
            h.day is null
            and p.store_code = s.store_code
            and p.open_id = s.open_id
            and p.snapshot_date < s.snapshot_date
            and not exists (
                select
                from snapshots.quarantine as q
                where
                    q.account_id = p.account_id
                    and q.day = p.snapshot_date
                    and q.endpoint = 'user_info'
                    and q.released_at is null
            )
        order by p.snapshot_date desc
        limit 1
    ) as b on true
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
