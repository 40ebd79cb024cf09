-- No row. Writes what was found, and since when what is open was not found; only of the kind that was looked at.
with found as (
    select
        %(kind)s::text as kind,
        f.cause,
        f.severity,
        f.subject,
        f.body,
        f.count,
        f.examples,
        coalesce(f.members, '[]') as members,
        f.settle,
        f.away,
        f.told_elsewhere
    from jsonb_to_recordset(%(found)s) as f (
        cause text,
        severity text,
        subject text,
        body text,
        count bigint,
        examples jsonb,
        members jsonb,
        settle interval,
        away interval,
        told_elsewhere boolean
    )
),

gone as (
    update ops.incident as i
    set missing_since = ops.now()
    where
        i.resolved_at is null
        and i.missing_since is null
        and i.kind = %(kind)s
        and not exists (
            select
            from found as f
            where f.cause = i.cause
        )
)

insert into ops.incident as i (
    kind, cause, severity, subject, body, count, examples, members, settle, away, told_elsewhere
)
select
    kind,
    cause,
    severity,
    subject,
    body,
    count,
    examples,
    members,
    settle,
    away,
    told_elsewhere
from found
on conflict (kind, cause) where resolved_at is null do update
set
    severity = excluded.severity,
    subject = excluded.subject,
    body = excluded.body,
    count = excluded.count,
    examples = excluded.examples,
    members = excluded.members,
    settle = excluded.settle,
    away = excluded.away,
    told_elsewhere = excluded.told_elsewhere,
    seen = i.seen + 1,
    last_seen_at = ops.now(),
    missing_since = null
