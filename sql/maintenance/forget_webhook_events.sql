-- No row. Forgets at most a thousand of TikTok's events that arrived long ago. A second delivery that late is refused
-- for its signature's time.
delete from ops.webhook_event
where event_key in (
    select event_key
    from ops.webhook_event
    where received_at < ops.now() - make_interval(days => %(keep_days)s)
    limit 1000
    for update skip locked
)
