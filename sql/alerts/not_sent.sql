-- One row per message: the channel did not take it. It is tried again after twice as long each time, up to an hour, and
-- given up after three days. `jitter` is between 0 and 1, one for all, so that they stay together.
update ops.delivery
set
    last_error = %(error)s,
    next_attempt_at = ops.now()
    + make_interval(secs => least(3600, 30 * 2 ^ least(attempts - 1, 10)) * (1 - %(jitter)s::float8 / 2)),
    given_up_at = case when first_attempt_at <= ops.now() - interval '3 days' then ops.now() end
where
    channel = %(channel)s
    and outbox_id = any(%(ids)s)
    and sent_at is null
returning given_up_at is not null as given_up
