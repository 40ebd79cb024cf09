-- Accounts count since they are known here, and the list before is found by an index, however long the history is.
-- depends: 0012.ledger 0015.completeness 0024.quality

-- An account that came with an import was connected elsewhere: nobody here missed its days before that.
alter table hub.store_accounts add column known_since timestamptz;
update hub.store_accounts set known_since = connected_at;
alter table hub.store_accounts
alter column known_since set not null,
alter column known_since set default ops.now();

comment on column hub.store_accounts.known_since is
'Since when this pipeline knows the account. Its days count from here or from connected_at on, whichever is later.';

create or replace view reporting.account_days as
with zone as (
    select d.time_zone
    from capture.account_day as d
    order by
        d.endpoint desc,
        d.day desc,
        d.account_id desc
    limit 1
)

select
    a.store_code,
    d.account_id,
    a.open_id,
    a.display_name,
    d.endpoint,
    d.day,
    d.state,
    d.reason,
    d.late,
    d.attempts,
    d.pages,
    d.items,
    d.captured_at,
    case when d.state not in ('captured', 'imported') then d.error_code end as error_code,
    case when d.state not in ('captured', 'imported') then d.error_message end as error_message,
    case when d.state not in ('captured', 'imported') then d.log_id end as log_id,
    d.run_id
from capture.account_day as d
inner join hub.store_accounts as a on a.id = d.account_id

union all

select
    a.store_code,
    a.id,
    a.open_id,
    a.display_name,
    e.endpoint,
    s.day::date,
    'unplanned',
    null,
    false,
    0,
    0,
    0,
    null,
    null,
    null,
    null,
    null
from zone as z
cross join hub.store_accounts as a
cross join unnest(array['user_info', 'video_list']) as e (endpoint)
cross join lateral (
    select
        ops.day_of(greatest(a.connected_at, a.known_since), z.time_zone) as first,
        ops.day_of(ops.now(), z.time_zone) as last
) as life
-- Counting comes first: of most accounts no day is missing, and they need no series.
cross join lateral (
    select count(*) as days
    from capture.account_day as d
    where
        d.account_id = a.id
        and d.endpoint = e.endpoint
        and d.day between life.first and life.last
) as known
cross join lateral generate_series(
    life.first,
    case when known.days < life.last - life.first + 1 then life.last end,
    interval '1 day'
) as s (day)
where not exists (
    select
    from capture.account_day as d
    where
        d.account_id = a.id
        and d.endpoint = e.endpoint
        and d.day = s.day::date
);

comment on view reporting.account_days is
'One row per account, endpoint and day since the account was connected and known here (and imported days before): '
'its one state.';


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
