-- One row: whether it was given up. The target did not take this event: it is tried again after twice as long each time,
-- up to an hour, and given up after three days.
update ops.event_delivery
set
    attempts = attempts + 1,
    first_attempt_at = coalesce(first_attempt_at, ops.now()),
    last_error = %(error)s,
    next_attempt_at = ops.now() + make_interval(secs => least(3600, 30 * 2 ^ least(attempts, 10))),
    given_up_at = case when first_attempt_at <= ops.now() - interval '3 days' then ops.now() end
where
    target = %(target)s
    and event = %(id)s
returning given_up_at is not null as given_up
