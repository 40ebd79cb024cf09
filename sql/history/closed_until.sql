-- One row: the last day whose grace is over, the first day that the ledger speaks of and the first that was captured
-- (or NULL), and now.
select
    ops.day_of(ops.now() - %(grace)s::interval, %(zone)s) - 1 as last,
    (
        select min(day)
        from capture.account_day
        where reason is distinct from 'not_yet_connected'
    ) as first,
    (
        select min(day)
        from capture.account_day
        where state = 'captured'
    ) as captured,
    ops.now() as now
