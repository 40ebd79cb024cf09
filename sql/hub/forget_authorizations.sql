-- No row. Forgets at most a thousand transactions that expired a day ago; called whenever one is begun, so that the
-- table cannot grow. One whose code was spent stays until somebody was told what became of it.
delete from ops.oauth_transaction
where id in (
    select id
    from ops.oauth_transaction
    where
        expires_at < ops.now() - interval '1 day'
        and (consumed_at is null or outcome is not null)
    limit 1000
    for update skip locked
)
