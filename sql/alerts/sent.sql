-- No row. The channel took these messages.
update ops.delivery
set
    sent_at = ops.now(),
    last_error = null
where
    channel = %(channel)s
    and outbox_id = any(%(ids)s)
    and sent_at is null
