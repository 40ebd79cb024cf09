-- One row: how many events were given their deliveries, one for each of these targets.
with unrouted as (
    select id
    from ops.event
    where routed_at is null
    order by id
    limit %(most)s
    for update skip locked
),

routed as (
    update ops.event as e
    set routed_at = ops.now()
    from unrouted
    where e.id = unrouted.id
    returning e.id
),

deliveries as (
    insert into ops.event_delivery (target, event)
    select
        target.name,
        routed.id
    from routed
    cross join unnest(%(targets)s::text[]) as target (name)
)

select count(*) as routed
from routed
