-- No row. Forgets at most a thousand links that expired a month ago; called whenever links are made. One that a
-- transaction points to waits until that is forgotten: nobody who holds the transaction is waited for.
delete from ops.connect_link
where id in (
    select link.id
    from ops.connect_link as link
    where
        link.expires_at < ops.now() - interval '30 days'
        and not exists (select from ops.oauth_transaction as begun where begun.link_id = link.id)
    limit 1000
    for update skip locked
)
