-- The job with this id; no row: there is none.
select *
from ops.sync_job
where id = %(id)s
