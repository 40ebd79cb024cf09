-- Where a range of days stands. A row is a day, with its account-days by state.
-- Unplanned: accounts that were connected by then and have no row, because nothing closed the day yet.
with ledger as (
    select
        day,
        count(*) as account_days,
        count(*) filter (where chosen_capture_no is not null) as captured,
        count(*) filter (where state = 'imported') as imported,
        count(*) filter (where state = 'failed') as failed,
        count(*) filter (where state in ('planned', 'capturing') and chosen_capture_no is null) as open,
        count(*) filter (where state = 'gap') as gaps,
        count(*) filter (
            where state in ('failed', 'gap') and reason in ('not_yet_connected', 'cancelled')
        ) as unexpected,
        count(*) filter (where late) as late,
        sum(pages)::bigint as pages,
        sum(items)::bigint as items,
        sum(refused)::bigint as refused,
        array_agg(distinct reason order by reason) filter (where reason is not null) as reasons
    from capture.account_day
    where
        endpoint = %(endpoint)s
        and day between %(first)s and %(last)s
    group by day
),

unplanned as (
    select
        s.day::date as day,
        count(*) as accounts
    from generate_series(%(first)s::date, %(last)s::date, interval '1 day') as s (day)
    inner join hub.store_accounts as a
        on
            ops.day_of(greatest(a.connected_at, a.known_since), %(zone)s) <= s.day
            and not (a.status = 'DISABLED' and ops.day_of(a.status_changed_at, %(zone)s) <= s.day)
    where not exists (
        select 1
        from capture.account_day as d
        where
            d.account_id = a.id
            and d.endpoint = %(endpoint)s
            and d.day = s.day::date
    )
    group by s.day
)

select
    coalesce(l.day, u.day) as day,
    coalesce(l.account_days, 0) as account_days,
    coalesce(l.captured, 0) as captured,
    coalesce(l.imported, 0) as imported,
    coalesce(l.failed, 0) as failed,
    coalesce(l.open, 0) as open,
    coalesce(l.gaps, 0) as gaps,
    coalesce(l.unexpected, 0) as unexpected,
    coalesce(u.accounts, 0) as unplanned,
    coalesce(l.late, 0) as late,
    coalesce(l.pages, 0) as pages,
    coalesce(l.items, 0) as items,
    coalesce(l.refused, 0) as refused,
    l.reasons
from ledger as l
full join unplanned as u on l.day = u.day
order by day
