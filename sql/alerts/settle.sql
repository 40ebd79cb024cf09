-- No row. A message is sent when one of its channels at least has it, and no other is still to be tried; it is given up when
-- all of them were.
update ops.outbox as message
set
    sent_at = case when d.sent then ops.now() end,
    given_up_at = case when not d.sent then ops.now() end
from (
    select
        delivery.outbox_id,
        bool_or(delivery.sent_at is not null) as sent
    from ops.outbox as waiting
    inner join ops.delivery as delivery on delivery.outbox_id = waiting.id
    where
        waiting.sent_at is null
        and waiting.given_up_at is null
        and waiting.muted_at is null
    group by delivery.outbox_id
    having bool_and(delivery.sent_at is not null or delivery.given_up_at is not null)
) as d
where message.id = d.outbox_id
