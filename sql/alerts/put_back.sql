-- No row. These messages were claimed, and there was no time to try them.
update ops.delivery
set
    attempts = attempts - 1,
    next_attempt_at = ops.now()
where
    channel = %(channel)s
    and outbox_id = any(%(ids)s)
    and sent_at is null
