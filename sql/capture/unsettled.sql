-- What of past days waits to be closed. One row: how many account-days can no longer be captured and are no gap yet.
select count(*) as account_days
from capture.account_day
where
    endpoint = %(endpoint)s
    and state in ('planned', 'capturing', 'failed')
    and day < ops.day_of(ops.now(), time_zone)
    and (state <> 'capturing' or ops.now() >= ops.day_start(day + 1, time_zone) + %(grace)s)
