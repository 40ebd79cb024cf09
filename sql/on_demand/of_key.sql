-- The job that this caller has asked for under this key, if any.
select *
from ops.sync_job
where
    asked_by = %(asked_by)s
    and idempotency_key = %(idempotency_key)s
