-- Past days that may still be finished. A row is a day with a capture under way and grace left.
select distinct day
from capture.account_day
where
    endpoint = %(endpoint)s
    and state = 'capturing'
    and day < ops.day_of(ops.now(), time_zone)
    and day >= ops.day_of(ops.now(), time_zone) - 1
    and ops.now() < ops.day_start(day + 1, time_zone) + %(grace)s
    and (lease_until is null or lease_until < ops.now())
order by day
