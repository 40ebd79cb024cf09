-- One row: the last day of which nothing can come any more: yesterday, or the day before while yesterday's captures go on
-- within their grace.
select
    case
        when exists (
            select
            from capture.account_day as d
            where
                d.day = n.yesterday
                and d.state = 'capturing'
        ) then ops.day_of(ops.now() - %(grace)s::interval, %(zone)s) - 1
        else n.yesterday
    end as day
from (select ops.day_of(ops.now(), %(zone)s) - 1 as yesterday) as n
