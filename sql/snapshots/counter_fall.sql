-- snapshots.counter_fall: one row per counter and day on which it is lower than in the observation before, of the days
-- from first to last. A video is compared with its account's list before, a profile with the profile before; so the
-- observation after `last` is looked at too, when it is not after `until`. Of the stores, one of so many shares.
with compared_lists as materialized (
    select
        account_id,
        day,
        previous_day
    from snapshots.lists_to_compare(%(first)s, %(last)s, %(until)s, %(share)s, %(shares)s)
    where previous_day is not null
),

videos as materialized (
    select
        store_code,
        account_id,
        video_id,
        snapshot_date as day,
        view_count,
        like_count,
        comment_count,
        share_count
    from snapshots.tiktok_video_daily
    where
        ops.share_of(store_code, %(shares)s) = %(share)s
        and snapshot_date >= (select min(previous_day) from compared_lists)
        and snapshot_date <= (select max(day) from compared_lists)
        -- Of an account that was away for a year, only the ends of that year are read.
        and snapshot_date = any(array(
            select day
            from compared_lists
            union
            select previous_day
            from compared_lists
        ))
),

-- The profiles from first to last, and the first one of each account after `last`.
profile_days as (
    select
        account_id,
        snapshot_date as day
    from snapshots.tiktok_user_daily
    where
        ops.share_of(store_code, %(shares)s) = %(share)s
        and snapshot_date between %(first)s and %(last)s
    union all
    select
        a.id,
        n.day
    from hub.store_accounts as a
    cross join lateral (
        select min(p.snapshot_date) as day
        from snapshots.tiktok_user_daily as p
        where
            p.account_id = a.id
            and p.snapshot_date > %(last)s
            and p.snapshot_date <= %(until)s
    ) as n
    where
        ops.share_of(a.store_code, %(shares)s) = %(share)s
        and n.day is not null
),

compared_profiles as materialized (
    select
        n.store_code,
        n.account_id,
        n.snapshot_date as day,
        b.snapshot_date as previous_day,
        n.follower_count,
        n.following_count,
        n.likes_count,
        n.video_count,
        b.follower_count as followers_before,
        b.following_count as following_before,
        b.likes_count as likes_before,
        b.video_count as videos_before
    from profile_days as d
    cross join lateral (
        select p.*
        from snapshots.tiktok_user_daily as p
        where
            p.account_id = d.account_id
            and p.snapshot_date = d.day
        limit 1
    ) as n
    cross join lateral (
        select p.*
        from snapshots.tiktok_user_daily as p
        where
            p.account_id = d.account_id
            and p.snapshot_date < d.day
        order by p.snapshot_date desc
        limit 1
    ) as b
),

wanted as materialized (
    select
        n.store_code,
        n.account_id,
        n.video_id,
        n.day as snapshot_date,
        f.counter,
        f.before,
        f.after,
        d.previous_day as previous_date
    from compared_lists as d
    inner join videos as n
        on
            d.account_id = n.account_id
            and d.day = n.day
    inner join videos as b
        on
            d.account_id = b.account_id
            and d.previous_day = b.day
            and n.video_id = b.video_id
    cross join lateral (
        values
        ('view_count', b.view_count, n.view_count),
        ('like_count', b.like_count, n.like_count),
        ('comment_count', b.comment_count, n.comment_count),
        ('share_count', b.share_count, n.share_count)
    ) as f (counter, before, after)
    where
        (
            n.view_count < b.view_count
            or n.like_count < b.like_count
            or n.comment_count < b.comment_count
            or n.share_count < b.share_count
        )
        and f.after < f.before
    union all
    select
        p.store_code,
        p.account_id,
        '',
        p.day,
        f.counter,
        f.before,
        f.after,
        p.previous_day
    from compared_profiles as p
    cross join lateral (
        values
        ('follower_count', p.followers_before, p.follower_count),
        ('following_count', p.following_before, p.following_count),
        ('likes_count', p.likes_before, p.likes_count),
        ('video_count', p.videos_before, p.video_count)
    ) as f (counter, before, after)
    where f.after < f.before
),

removed as (
    delete from snapshots.counter_fall as c
    using (
        select
            account_id,
            day,
            false as of_profile
        from compared_lists
        union all
        select
            account_id,
            day,
            true
        from compared_profiles
    ) as d
    where
        c.account_id = d.account_id
        and c.snapshot_date = d.day
        and (c.video_id = '') = d.of_profile
        and not exists (
            select
            from wanted as w
            where
                w.account_id = c.account_id
                and w.video_id = c.video_id
                and w.snapshot_date = c.snapshot_date
                and w.counter = c.counter
        )
    returning c.counter
),

written as (
    insert into snapshots.counter_fall as c (
        store_code, account_id, video_id, snapshot_date, counter, before, after, previous_date
    )
    select
        store_code,
        account_id,
        video_id,
        snapshot_date,
        counter,
        before,
        after,
        previous_date
    from wanted
    on conflict (account_id, video_id, snapshot_date, counter) do update
    set
        before = excluded.before,
        after = excluded.after,
        previous_date = excluded.previous_date
    where
        (c.before, c.after, c.previous_date)
        is distinct from (excluded.before, excluded.after, excluded.previous_date)
    returning c.counter
)

select counter from removed
union all
select counter from written;
