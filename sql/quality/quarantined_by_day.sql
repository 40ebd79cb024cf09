-- How many account-days of an endpoint reports leave out, of the days from first to last. A row is a day with any.
select
    day,
    count(distinct account_id) as account_days
from snapshots.quarantine
where
    endpoint = %(endpoint)s
    and day between %(first)s and %(last)s
    and released_at is null
group by day
