-- A row per event, the newest `most`, oldest first; `waiting`: only those that a target waits for, or that were given up.
select *
from (
    select
        e.id,
        e.event_id,
        e.event_type,
        e.version,
        e.occurred_at,
        e.subject,
        e.data,
        coalesce(
            (
                select
                    jsonb_agg(
                        jsonb_build_object(
                            'target', d.target,
                            'sent', d.sent_at is not null,
                            'given_up', d.given_up_at is not null,
                            'error', d.last_error
                        )
                        order by d.target
                    )
                from ops.event_delivery as d
                where d.event = e.id
            ),
            '[]'
        ) as deliveries
    from ops.event as e
    where
        (%(type)s::text is null or e.event_type = %(type)s)
        and (
            not %(waiting)s
            or e.routed_at is null
            or exists (
                select
                from ops.event_delivery as d
                where
                    d.event = e.id
                    and d.sent_at is null
            )
        )
    order by e.id desc
    limit %(most)s
) as newest
order by id
