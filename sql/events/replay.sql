-- One row: how many deliveries are to be made again. All events from `first` on, for these targets, as if they were new;
-- without `first` those that a target was sent, which has lost them.
with again as (
    insert into ops.event_delivery as d (target, event)
    select
        target.name,
        e.id
    from unnest(%(targets)s::text[]) as target (name)
    cross join ops.event as e
    where
        case
            when %(first)s::bigint is not null then e.id >= %(first)s
            else exists (
                select
                from ops.event_delivery as sent
                where
                    sent.target = target.name
                    and sent.event = e.id
                    and sent.sent_at is not null
            )
        end
    order by e.id
    on conflict (target, event) do update
    set
        attempts = 0,
        first_attempt_at = null,
        next_attempt_at = ops.now(),
        last_error = null,
        sent_at = null,
        given_up_at = null
    returning d.event
),

routed as (
    update ops.event
    set routed_at = ops.now()
    where
        routed_at is null
        and id in (select event from again)
)

select count(*) as deliveries
from again
