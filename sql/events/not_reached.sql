-- No row. The target was not reached: what waits for it says so. It is tried again at the next pass, and never given up.
update ops.event_delivery
set last_error = %(error)s
where
    target = %(target)s
    and sent_at is null
    and given_up_at is null
    and last_error is distinct from %(error)s
