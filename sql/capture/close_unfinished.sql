-- Close past days: what was planned and not captured becomes a gap. A row of the result is such an account-day.
-- What is under way may go on until the grace is over.
update capture.account_day as d
set
    state = case when d.chosen_capture_no is null then 'gap' else 'captured' end,
    reason = case
        when d.chosen_capture_no is not null then null
        when d.reason is not null then d.reason
        when a.status = 'DISABLED' then 'cancelled'
        when a.status = 'NEED_RECONNECT' then 'needs_reconnect'
        else 'missed'
    end,
    finished_at = ops.now(),
    owner = null,
    lease_until = null
from hub.store_accounts as a
where
    a.id = d.account_id
    and d.endpoint = %(endpoint)s
    and d.day between %(first)s and %(last)s
    and d.day < ops.day_of(ops.now(), d.time_zone)
    and (
        d.state in ('planned', 'failed')
        or (d.state = 'capturing' and ops.now() >= ops.day_start(d.day + 1, d.time_zone) + %(grace)s)
    )
returning d.account_id, d.day
