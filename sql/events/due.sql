-- One row per event that this target is to get now, oldest first. One that waits for another attempt lets none of the
-- same subject pass.
select
    e.id,
    e.event_id,
    e.event_type,
    e.version,
    e.occurred_at,
    e.subject,
    e.data
from ops.event_delivery as d
inner join ops.event as e on e.id = d.event
where
    d.target = %(target)s
    and d.sent_at is null
    and d.given_up_at is null
    and d.next_attempt_at <= ops.now()
    and not exists (
        select
        from ops.event_delivery as waiting
        inner join ops.event as earlier on earlier.id = waiting.event
        where
            waiting.target = %(target)s
            and waiting.sent_at is null
            and waiting.given_up_at is null
            and waiting.next_attempt_at > ops.now()
            and earlier.subject = e.subject
            and earlier.id < e.id
    )
order by d.event
limit %(most)s
