-- One row per message that this channel is to get now, oldest first. It counts as tried, and nobody else tries it
-- until the lease is over. In quiet hours only errors are due.
with due as (
    select delivery.outbox_id
    from ops.delivery as delivery
    inner join ops.outbox as message on message.id = delivery.outbox_id
    where
        delivery.channel = %(channel)s
        and delivery.sent_at is null
        and delivery.given_up_at is null
        and delivery.next_attempt_at <= ops.now()
        and message.muted_at is null
        and (
            message.severity = 'error'
            or not case
                when %(quiet_from)s::time is null then false
                when %(quiet_from)s::time < %(quiet_to)s::time
                    then
                        (ops.now() at time zone %(zone)s)::time >= %(quiet_from)s::time
                        and (ops.now() at time zone %(zone)s)::time < %(quiet_to)s::time
                else
                    (ops.now() at time zone %(zone)s)::time >= %(quiet_from)s::time
                    or (ops.now() at time zone %(zone)s)::time < %(quiet_to)s::time
            end
        )
    order by delivery.outbox_id
    limit %(most)s
    for update of delivery skip locked
),

claimed as (
    update ops.delivery as delivery set
        attempts = delivery.attempts + 1,
        first_attempt_at = coalesce(delivery.first_attempt_at, ops.now()),
        next_attempt_at = ops.now() + %(lease)s
    from due
    where delivery.outbox_id = due.outbox_id and delivery.channel = %(channel)s
    returning delivery.outbox_id
)

select
    message.id,
    message.key,
    message.kind,
    message.severity,
    message.recipient,
    message.store_code,
    message.account_id,
    message.subject,
    message.body,
    message.details,
    message.created_at,
    store.pic_name
from claimed
inner join ops.outbox as message on message.id = claimed.outbox_id
left join hub.stores as store on store.store_code = message.store_code
order by message.id
