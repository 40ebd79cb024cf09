-- Lists of the days from first to last that are not proven complete. A row is a day with any, and one of them in words.
select
    snapshot_date as day,
    count(*) as lists,
    count(*) filter (where verdict = 'TRUNCATED') as truncated,
    count(*) filter (where verdict = 'UNSTABLE') as unstable,
    (
        array_agg(format('account %%s (store %%s): %%s', account_id, store_code, reason) order by account_id)
        filter (where verdict in ('TRUNCATED', 'UNSTABLE'))
    )[1] as example
from snapshots.account_day_verdict
where snapshot_date between %(first)s and %(last)s
group by snapshot_date
having bool_or(verdict in ('TRUNCATED', 'UNSTABLE'))
order by snapshot_date
