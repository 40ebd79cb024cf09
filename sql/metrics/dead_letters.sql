-- A row per queue: what was given up in it, or has failed and is not tried by itself.
select
    'captures' as queue,
    count(*) as value
from capture.account_day
where
    endpoint in ('user_info', 'video_list')
    and day = ops.day_of(ops.now(), %(zone)s)
    and state = 'failed'
union all
select
    'messages',
    count(*)
from ops.delivery
where
    sent_at is null
    and given_up_at > ops.now() - interval '14 days'
union all
select
    'events to ' || target.name,
    count(d.event)
from unnest(%(targets)s::text[]) as target (name)
left join ops.event_delivery as d
    on
        d.target = target.name
        and d.sent_at is null
        and d.given_up_at is not null
group by target.name
