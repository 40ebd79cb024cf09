-- No row. Writes which channels are to get these messages; what a channel had stays, what none wants any more goes.
with wanted as (
    select
        delivery.outbox_id,
        delivery.channel
    from jsonb_to_recordset(%(deliveries)s) as delivery (outbox_id bigint, channel text)
),

dropped as (
    delete from ops.delivery as delivery
    where
        delivery.outbox_id = any(%(ids)s)
        and delivery.sent_at is null
        and delivery.given_up_at is null
        and not exists (
            select
            from wanted
            where wanted.outbox_id = delivery.outbox_id and wanted.channel = delivery.channel
        )
),

marked as (
    update ops.outbox
    set routed_for = %(routed_for)s
    where id = any(%(ids)s)
)

insert into ops.delivery (outbox_id, channel)
select
    outbox_id,
    channel
from wanted
on conflict do nothing
