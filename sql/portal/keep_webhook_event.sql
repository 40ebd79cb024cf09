-- One row when the event is new: its key. TikTok may deliver an event more than once.
insert into ops.webhook_event (event_key, event, open_id, client_key, reason, created_at, effect)
values (
    %(event_key)s,
    %(event)s,
    %(open_id)s,
    %(client_key)s,
    %(reason)s,
    to_timestamp(%(created)s),
    %(effect)s
)
on conflict (event_key) do nothing
returning event_key
