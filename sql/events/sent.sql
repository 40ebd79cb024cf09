-- No row. The target took this event.
update ops.event_delivery
set
    sent_at = ops.now(),
    last_error = null
where
    target = %(target)s
    and event = %(id)s
