-- Take account-days to work on. A row of the result is one that is ours until its lease ends.
-- Only today is begun; what was under way at midnight may be finished within the grace.
with free as (
    select
        account_id,
        endpoint,
        day
    from capture.account_day
    where
        endpoint = %(endpoint)s
        and day = %(day)s
        and (lease_until is null or lease_until < ops.now())
        and (
            (state in ('planned', 'capturing') and ops.day_of(ops.now(), time_zone) = day)
            or (
                state = 'capturing'
                and ops.now() >= ops.day_start(day, time_zone)
                and ops.now() < ops.day_start(day + 1, time_zone) + %(grace)s
            )
        )
    order by account_id
    limit %(places)s
    for update skip locked
)

update capture.account_day as d
set
    state = 'capturing',
    owner = %(owner)s,
    lease_until = ops.now() + %(lease)s,
    attempts = d.attempts + 1,
    started_at = coalesce(d.started_at, ops.now()),
    run_id = %(run_id)s
from free, hub.store_accounts as a
where
    d.account_id = free.account_id
    and d.endpoint = free.endpoint
    and d.day = free.day
    and a.id = d.account_id
returning
    d.account_id,
    d.endpoint,
    d.day,
    d.cursor,
    d.pages,
    a.store_code,
    a.status
