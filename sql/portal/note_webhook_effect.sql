-- No row. Says what an event changed here.
update ops.webhook_event
set effect = %(effect)s
where event_key = %(event_key)s
