-- Jobs, the latest first, from the one after (asked_at, id): of a caller or of all, in one state or in any.
select *
from ops.sync_job
where
    (%(asked_by)s::text is null or asked_by = %(asked_by)s::text)
    and (%(state)s::text is null or state = %(state)s::text)
    and (not %(unresolved)s or resolved_at is null)
    and (
        %(after_at)s::timestamptz is null
        or (asked_at, id) < (%(after_at)s::timestamptz, %(after_id)s::uuid)
    )
order by asked_at desc, id desc
limit %(limit)s
