-- No row. Takes the text out of messages that wait for nothing any more and whose link has expired or has done its work.
update ops.outbox as message
set body = ''
where
    message.body <> ''
    and message.details ? 'link_expires_at'
    and (message.sent_at is not null or message.muted_at is not null or message.given_up_at is not null)
    and (
        (message.details ->> 'link_expires_at')::timestamptz < ops.now()
        or exists (
            select
            from ops.connect_link as link
            where
                link.store_code = message.store_code
                and link.account_id is not distinct from message.account_id
                and link.expires_at = (message.details ->> 'link_expires_at')::timestamptz
                and link.finished_at is not null
        )
    )
