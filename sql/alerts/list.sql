-- One row per message, oldest first: the newest so many of those that wait to be sent or that a channel was given up
-- for within two weeks, or of all. `deliveries` tells of each channel.
with newest as (
    select
        id,
        key,
        kind,
        severity,
        recipient,
        store_code,
        account_id,
        subject,
        body,
        details,
        created_at,
        sent_at,
        muted_at,
        given_up_at,
        routed_for is not null as is_routed
    from ops.outbox as message
    where
        %(all)s
        or (
            message.muted_at is null
            and message.sent_at is null
            and message.given_up_at is null
            and (
                message.routed_for is null
                or exists (select from ops.delivery as delivery where delivery.outbox_id = message.id)
            )
        )
        or exists (
            select
            from ops.delivery as delivery
            where
                delivery.outbox_id = message.id
                and delivery.given_up_at > ops.now() - interval '14 days'
        )
    order by id desc
    limit %(most)s
)

select
    newest.*,
    coalesce(
        (
            select
                jsonb_agg(
                    jsonb_build_object(
                        'channel', delivery.channel,
                        'attempts', delivery.attempts,
                        'sent', delivery.sent_at is not null,
                        'given_up', delivery.given_up_at is not null,
                        'error', delivery.last_error
                    )
                    order by delivery.channel
                )
            from ops.delivery as delivery
            where delivery.outbox_id = newest.id
        ),
        '[]'
    ) as deliveries
from newest
order by newest.id
