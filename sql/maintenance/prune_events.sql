-- Delete up to so many events that Dagster no longer needs. One row: how many were deleted.
-- The same events as in unimportant_events.
with chosen as (
    select e.id
    from event_logs as e
    left join runs as r on e.run_id = r.run_id
    where
        e.dagster_event_type = any(%(types)s)
        and e.timestamp < (now() at time zone 'UTC') - make_interval(days => %(keep_days)s)
        and coalesce(r.status, 'SUCCESS') in ('SUCCESS', 'FAILURE', 'CANCELED')
        and (e.dagster_event_type <> 'ASSET_MATERIALIZATION_PLANNED' or coalesce(r.status, 'SUCCESS') = 'SUCCESS')
        and e.id > %(after)s
    order by e.id
    limit %(most)s
),

deleted as (
    delete from event_logs
    where id in (select id from chosen)
    returning id
)

select
    count(*) as events,
    max(id) as last
from deleted
