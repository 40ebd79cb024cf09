-- Close past days: what was planned and not captured becomes a gap. A row of the result is such an account-day.
-- Each account is told of by an event for each reason. What is under way may go on until the grace is over. A fresh capture that was not complete leaves the day as it was. Without `first`, every day that is over is closed.
with closed as (
    update capture.account_day as d
    set
        state = case when d.chosen_capture_no is null then 'gap' else 'captured' end,
        reason = case
            when d.chosen_capture_no is not null then null
            else coalesce(d.reason, capture.gap_reason(a, d.day, d.time_zone))
        end,
        (pages, items) = (select l.pages, l.items from capture.landed(d) as l),
        finished_at = ops.now(),
        owner = null,
        lease_until = null
    from hub.store_accounts as a
    where
        a.id = d.account_id
        and d.endpoint = %(endpoint)s
        and d.state in ('planned', 'capturing', 'failed')
        and (%(first)s::date is null or d.day >= %(first)s)
        and (%(last)s::date is null or d.day <= %(last)s)
        and d.day < ops.day_of(ops.now(), d.time_zone)
        and (
            d.state <> 'capturing'
            or ops.now() >= ops.day_start(d.day + 1, d.time_zone) + %(grace)s
        )
    returning
        d.account_id,
        d.endpoint,
        d.day,
        d.state,
        d.reason
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
