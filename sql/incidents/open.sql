-- One row per open incident, oldest first; `told_at` is NULL while it settles.
select
    kind,
    cause,
    severity,
    subject,
    count,
    first_seen_at,
    missing_since,
    told_at,
    next_reminder_at
from ops.incident
where resolved_at is null
order by id
