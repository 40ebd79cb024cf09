-- A row when this work is known to have succeeded after this time.
select key
from ops.outbox
where
    kind = 'run_recovered'
    and details ->> 'work' = %(work)s
    and (details ->> 'ended_at')::timestamptz >= %(ended_at)s
limit 1
