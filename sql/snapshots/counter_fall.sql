-- snapshots.counter_fall: one row per counter and day on which it is lower than in the observation before, of the days
-- from first to last. A video is compared with its account's list before, a profile with the profile before; so the
-- observation after `last` is looked at too, when it is not after `until`. Of the stores, one of so many shares.
with list_days as (
    select
        account_id,
        snapshot_date as day,
        lag(snapshot_date) over (partition by account_id order by snapshot_date) as previous_day
    from snapshots.account_day_verdict
    where ops.share_of(store_code, %(shares)s) = %(share)s
),

compared_lists as materialized (
    select *
    from list_days
    where
        day >= %(first)s
        and day <= %(until)s
        and previous_day is not null
        and (day <= %(last)s or previous_day <= %(last)s)
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
),

profile_days as (
    select
        store_code,
        account_id,
        snapshot_date as day,
        lag(snapshot_date) over previous as previous_day,
        follower_count,
        following_count,
        likes_count,
        video_count,
        lag(follower_count) over previous as followers_before,
        lag(following_count) over previous as following_before,
        lag(likes_count) over previous as likes_before,
        lag(video_count) over previous as videos_before
    from snapshots.tiktok_user_daily
    where ops.share_of(store_code, %(shares)s) = %(share)s
    window previous as (partition by account_id order by snapshot_date)
),

compared_profiles as materialized (
    select *
    from profile_days
    where
        day >= %(first)s
        and day <= %(until)s
        and previous_day is not null
        and (day <= %(last)s or previous_day <= %(last)s)
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
