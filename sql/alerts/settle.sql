-- No row. A message is sent when one of its channels at least has it, and no other is still to be tried.
update ops.outbox as message
set sent_at = ops.now()
where
    message.sent_at is null
    and message.muted_at is null
    and exists (
        select
        from ops.delivery as delivery
        where delivery.outbox_id = message.id and delivery.sent_at is not null
    )
    and not exists (
        select
        from ops.delivery as delivery
        where delivery.outbox_id = message.id and delivery.sent_at is null and delivery.given_up_at is null
    )
