-- No row. Forgets at most a thousand events that happened long ago, delivered or not.
delete from ops.event
where id in (
    select id
    from ops.event
    where occurred_at < ops.now() - make_interval(days => %(keep_days)s)
    limit 1000
    for update skip locked
)
