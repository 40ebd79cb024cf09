-- No row. Forgets a batch of incidents that were over so many days ago.
delete from ops.incident
where id in (
    select id
    from ops.incident
    where resolved_at < ops.now() - make_interval(days => %(keep_days)s)
    limit 1000
)
