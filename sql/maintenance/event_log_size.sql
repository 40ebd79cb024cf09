-- One row: how many events Dagster's log holds, by PostgreSQL's estimate, and its size on disk with its indexes.
select
    greatest(reltuples, 0)::bigint as events,
    pg_total_relation_size(oid) as bytes
from pg_class
where oid = 'event_logs'::regclass
