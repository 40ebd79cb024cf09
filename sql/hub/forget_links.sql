-- No row. Forgets at most a thousand links that expired a month ago; called whenever links are made.
delete from ops.connect_link
where id in (
    select id
    from ops.connect_link
    where expires_at < ops.now() - interval '30 days'
    limit 1000
    for update skip locked
)
