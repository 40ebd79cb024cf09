-- No row. Forgets at most a thousand messages that were written long ago, sent or not: what nobody sent for so long is
-- no news. That a grant's end was told is remembered until after that end, so that it is not told again.
delete from ops.outbox
where id in (
    select id
    from ops.outbox
    where
        created_at < ops.now() - make_interval(days => %(keep_days)s)
        and (
            kind <> 'grant_end'
            or (details ->> 'ends_at')::timestamptz < ops.now() - interval '2 days'
        )
    limit 1000
    for update skip locked
)
