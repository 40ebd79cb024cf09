-- Events that Dagster no longer needs, by type. A row is an event type: how many there are, and their bytes.
-- Only of runs that have ended. That a partition was planned is kept while its run is known to have failed: by that
-- Dagster tells which partitions failed. Dagster writes the times of its events in UTC.
select
    e.dagster_event_type as type,
    count(*) as events,
    sum(pg_column_size(e.*))::bigint as bytes
from event_logs as e
left join runs as r on e.run_id = r.run_id
where
    e.dagster_event_type = any(%(types)s)
    and e.timestamp < (now() at time zone 'UTC') - make_interval(days => %(keep_days)s)
    and coalesce(r.status, 'SUCCESS') in ('SUCCESS', 'FAILURE', 'CANCELED')
    and (e.dagster_event_type <> 'ASSET_MATERIALIZATION_PLANNED' or coalesce(r.status, 'SUCCESS') = 'SUCCESS')
group by e.dagster_event_type
order by e.dagster_event_type
