-- One row: what this caller's jobs of the last hour cost together, and in how many seconds the oldest no longer counts.
select
    coalesce(sum(cost), 0)::integer as cost,
    ceil(coalesce(extract(epoch from min(asked_at) + interval '1 hour' - ops.now()), 0))::integer as seconds
from ops.sync_job
where
    asked_by = %(asked_by)s
    and cost > 0
    and asked_at > ops.now() - interval '1 hour'
