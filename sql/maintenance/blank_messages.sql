-- No row. Takes the text out of at most a thousand messages whose link has expired: it names people, and says to open
-- what is good for nothing.
update ops.outbox
set body = ''
where id in (
    select id
    from ops.outbox
    where
        body <> ''
        and coalesce(
            (details ->> 'link_expires_at')::timestamptz,
            created_at + make_interval(days => %(link_days)s)
        ) < ops.now()
    limit 1000
    for update skip locked
)
