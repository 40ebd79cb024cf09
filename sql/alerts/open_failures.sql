-- One row per failure of this work that was told, and that no success has followed.
select
    failure.key,
    failure.details ->> 'run_id' as run_id,
    failure.details ->> 'steps' as steps,
    (failure.details ->> 'ended_at')::timestamptz as ended_at
from ops.outbox as failure
where
    failure.kind = 'run_failed'
    and failure.details ->> 'work' = %(work)s
    and not exists (
        select
        from ops.outbox as success
        where success.key = 'resolved:' || failure.key
    )
