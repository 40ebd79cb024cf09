-- What is left of a day. One row: account-days that can be taken now, and those that others hold.
select
    count(*) filter (where lease_until is null or lease_until < ops.now()) as free,
    count(*) filter (where lease_until >= ops.now()) as held
from capture.account_day
where
    endpoint = %(endpoint)s
    and day = %(day)s
    and (
        (state in ('planned', 'capturing') and ops.day_of(ops.now(), time_zone) = day)
        or (
            state = 'capturing'
            and ops.now() >= ops.day_start(day, time_zone)
            and ops.now() < ops.day_start(day + 1, time_zone) + %(grace)s
        )
    )
