-- snapshots.video_change: one row per video and day on which it came onto its account's list or left it, of the days
-- from first to last. Each list is compared with the account's list before, so the list after `last` is looked at too,
-- when it is not after `until`. Of the stores, one of so many shares.
with compared as materialized (
    select *
    from snapshots.lists_to_compare(%(first)s, %(last)s, %(until)s, %(share)s, %(shares)s)
),

listed as materialized (
    select
        account_id,
        snapshot_date as day,
        video_id
    from snapshots.tiktok_video_daily
    where
        ops.share_of(store_code, %(shares)s) = %(share)s
        and snapshot_date >= (select min(coalesce(previous_day, day)) from compared)
        and snapshot_date <= (select max(day) from compared)
        -- Of an account that was away for a year, only the ends of that year are read.
        and snapshot_date = any(array(
            select day
            from compared
            union
            select previous_day
            from compared
            where previous_day is not null
        ))
),

-- A list that has videos and no rows was judged before its rows were derived: nothing follows from it yet.
known as (
    select distinct
        account_id,
        day
    from listed
),

ready as materialized (
    select c.*
    from compared as c
    left join known as k
        on
            c.account_id = k.account_id
            and c.day = k.day
    left join known as p
        on
            c.account_id = p.account_id
            and c.previous_day = p.day
    where
        (c.distinct_videos = 0 or k.day is not null)
        and (coalesce(c.previous_videos, 0) = 0 or p.day is not null)
),

wanted as materialized (
    select
        coalesce(n.store_code, b.store_code) as store_code,
        coalesce(n.account_id, b.account_id) as account_id,
        coalesce(n.video_id, b.video_id) as video_id,
        coalesce(n.day, b.day) as snapshot_date,
        n.video_id is not null as listed,
        coalesce(n.previous_day, b.previous_day) as previous_date
    from (
        select
            r.store_code,
            r.account_id,
            r.day,
            r.previous_day,
            l.video_id
        from ready as r
        inner join listed as l
            on
                r.account_id = l.account_id
                and r.day = l.day
    ) as n
    full join (
        select
            r.store_code,
            r.account_id,
            r.day,
            r.previous_day,
            l.video_id
        from ready as r
        inner join listed as l
            on
                r.account_id = l.account_id
                and r.previous_day = l.day
    ) as b
        on
            n.account_id = b.account_id
            and n.day = b.day
            and n.video_id = b.video_id
    where n.video_id is null or b.video_id is null
),

removed as (
    delete from snapshots.video_change as c
    using ready as r
    where
        c.account_id = r.account_id
        and c.snapshot_date = r.day
        and not exists (
            select
            from wanted as w
            where
                w.account_id = c.account_id
                and w.video_id = c.video_id
                and w.snapshot_date = c.snapshot_date
        )
    returning c.video_id
),

written as (
    insert into snapshots.video_change as c (
        store_code, account_id, video_id, snapshot_date, listed, previous_date
    )
    select
        store_code,
        account_id,
        video_id,
        snapshot_date,
        listed,
        previous_date
    from wanted
    on conflict (account_id, video_id, snapshot_date) do update
    set
        listed = excluded.listed,
        previous_date = excluded.previous_date
    where (c.listed, c.previous_date) is distinct from (excluded.listed, excluded.previous_date)
    returning c.video_id
)

select video_id from removed
union all
select video_id from written;
