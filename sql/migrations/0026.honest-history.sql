-- The list before is found by an index, however long the history is.
-- depends: 0015.completeness 0024.quality

create index tiktok_user_daily_by_account on snapshots.tiktok_user_daily (account_id, snapshot_date);

-- The lists of the days from first to last, and the first one of each account after `last` when it is not after
-- `until`, each with the account's list before. Of the stores, one of so many shares.
-- The list before lies in the range, or else is looked up: what it costs does not depend on how much there was before.
create function snapshots.lists_to_compare(first date, last date, until date, share integer, shares integer)
returns table (
    store_code varchar(50),
    account_id bigint,
    day date,
    distinct_videos integer,
    previous_day date,
    previous_videos integer
)
language sql stable parallel safe
as $$
with lists as (
    select
        v.store_code,
        v.account_id,
        v.snapshot_date as day,
        v.distinct_videos,
        coalesce(
            lag(v.snapshot_date) over earlier,
            (
                select max(b.snapshot_date)
                from snapshots.account_day_verdict as b
                where b.account_id = v.account_id and b.snapshot_date < v.snapshot_date
            )
        ) as previous_day
    from snapshots.account_day_verdict as v
    where
        v.snapshot_date between $1 and $2
        and ops.share_of(v.store_code, $5) = $4
    window earlier as (partition by v.account_id order by v.snapshot_date)
    union all
    select
        n.store_code,
        n.account_id,
        n.day,
        (
            select v.distinct_videos
            from snapshots.account_day_verdict as v
            where v.account_id = n.account_id and v.snapshot_date = n.day
        ),
        (
            select max(b.snapshot_date)
            from snapshots.account_day_verdict as b
            where b.account_id = n.account_id and b.snapshot_date < n.day
        )
    from (
        select
            a.store_code,
            a.id as account_id,
            (
                select min(v.snapshot_date)
                from snapshots.account_day_verdict as v
                where v.account_id = a.id and v.snapshot_date > $2 and v.snapshot_date <= $3
            ) as day
        from hub.store_accounts as a
        where ops.share_of(a.store_code, $5) = $4
    ) as n
    where n.day is not null
)

select
    l.store_code,
    l.account_id,
    l.day,
    l.distinct_videos,
    l.previous_day,
    (
        select b.distinct_videos
        from snapshots.account_day_verdict as b
        where b.account_id = l.account_id and b.snapshot_date = l.previous_day
    )
from lists as l
$$;

comment on function snapshots.lists_to_compare(date, date, date, integer, integer) is
'Lists of videos from first to last and the next ones up to until, each with the account''s list before.';
