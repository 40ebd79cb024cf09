-- A row per queue: what waits in it.
select
    'captures' as queue,
    count(*) as value
from capture.account_day
where
    endpoint in ('user_info', 'video_list')
    and day = ops.day_of(ops.now(), %(zone)s)
    and state in ('planned', 'capturing')
union all
select
    'messages',
    count(*)
from ops.outbox
where
    sent_at is null
    and muted_at is null
union all
select
    'events to ' || target.name,
    count(d.event)
from unnest(%(targets)s::text[]) as target (name)
left join ops.event_delivery as d
    on
        d.target = target.name
        and d.sent_at is null
        and d.given_up_at is null
group by target.name
