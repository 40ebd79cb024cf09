-- Close past days: an account that was never planned has a gap. A row of the result is such an account-day.
-- Each account is told of by an event for each reason; what nobody missed is not told.
-- Without `first`, from each account's first day on, imported ones among them: every hole is found, wherever it is.
-- (Counting comes first: of
-- millions of account-days hardly one is missing.)
-- While a day is being sealed (the lock of the chain, CHAIN_LOCK of history/manifest.py) no gap is written into it, so
-- that a gap is either in its day's entry or younger than it.
with sealing as materialized (
    select pg_advisory_xact_lock_shared(7011020)
),

asked as (
    select
        id as account_id,
        coalesce(%(first)s::date, capture.counted_from(store_accounts, %(endpoint)s, %(zone)s)) as first,
        least(%(last)s::date, ops.day_of(ops.now(), %(zone)s) - 1) as last
    from sealing
    cross join hub.store_accounts
),

counted as (
    select
        d.account_id,
        count(*) as days
    from capture.account_day as d
    inner join asked
        on
            asked.account_id = d.account_id
            and d.day between asked.first and asked.last
    where
        d.endpoint = %(endpoint)s
        and (%(first)s::date is null or d.day >= %(first)s)
        and (%(last)s::date is null or d.day <= %(last)s)
    group by d.account_id
),

lacking as materialized (
    select asked.*
    from asked
    left join counted on counted.account_id = asked.account_id
    where coalesce(counted.days, 0) < asked.last - asked.first + 1
),

missing as (
    select
        lacking.account_id,
        s.day::date as day
    from lacking
    cross join generate_series(lacking.first, lacking.last, interval '1 day') as s (day)
    where not exists (
        select 1
        from capture.account_day as d
        where
            d.account_id = lacking.account_id
            and d.endpoint = %(endpoint)s
            and d.day = s.day::date
    )
),

closed as (
    insert into capture.account_day (account_id, endpoint, day, time_zone, state, reason, run_id, finished_at)
    select
        missing.account_id,
        %(endpoint)s,
        missing.day,
        %(zone)s,
        'gap',
        case
            when missing.day < least(ops.day_of(a.connected_at, %(zone)s), capture.counted_from(a, %(endpoint)s, %(zone)s))
                then 'not_yet_connected'
            -- Connected elsewhere, or before what was imported ends: nobody here can say more than that it is missing.
            when missing.day < ops.day_of(greatest(a.connected_at, a.known_since), %(zone)s) then 'missed'
            else capture.gap_reason(a, missing.day, %(zone)s)
        end,
        %(run_id)s,
        ops.now()
    from missing
    inner join hub.store_accounts as a on a.id = missing.account_id
    on conflict do nothing
    returning
        account_id,
        endpoint,
        day,
        state,
        reason
),

told as (
    insert into ops.event (event_type, subject, data)
    select
        'capture.gap',
        'account:' || a.id,
        jsonb_build_object(
            'account_id', a.id,
            'store_code', a.store_code,
            'open_id', a.open_id,
            'endpoint', c.endpoint,
            'reason', c.reason,
            'first_day', min(c.day),
            'last_day', max(c.day),
            'days', count(*)
        )
    from closed as c
    inner join hub.store_accounts as a on a.id = c.account_id
    where
        c.state = 'gap'
        and c.reason not in ('not_yet_connected', 'cancelled')
    group by
        a.id,
        c.endpoint,
        c.reason
)

select
    account_id,
    day
from closed
