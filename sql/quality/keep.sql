-- reporting.quality_results: the verdicts of one check. It has failed since it began to, as long as it goes on. A row is a day.
-- One event tells of the days that fail now and did not before; its words are those of the latest of them.
with failed_before as (
    select day
    from reporting.quality_results
    where
        table_name = %(table)s
        and check_name = %(check)s
        and not passed
),

kept as (
    insert into reporting.quality_results as r (
        table_name, check_name, day, passed, severity, what_to_do, checked, failing, message, examples, failing_since,
        run_id
    )
    select
        %(table)s,
        %(check)s,
        v.day,
        v.passed,
        %(severity)s,
        %(what_to_do)s,
        v.checked,
        v.failing,
        v.message,
        v.examples,
        case when not v.passed then ops.now() end,
        %(run_id)s
    from jsonb_to_recordset(%(verdicts)s::jsonb) as v (
        day date, passed boolean, checked bigint, failing bigint, message text, examples jsonb
    )
    on conflict (day, table_name, check_name) do update
    set
        passed = excluded.passed,
        severity = excluded.severity,
        what_to_do = excluded.what_to_do,
        checked = excluded.checked,
        failing = excluded.failing,
        message = excluded.message,
        examples = excluded.examples,
        failing_since = case when not excluded.passed then coalesce(r.failing_since, excluded.failing_since) end,
        evaluated_at = excluded.evaluated_at,
        run_id = excluded.run_id
    returning
        r.day,
        r.passed,
        r.failing,
        r.message
),

told as (
    insert into ops.event (event_type, subject, data)
    select
        'quality.failed',
        'table:' || %(table)s,
        jsonb_build_object(
            'table', %(table)s::text,
            'check', %(check)s::text,
            'severity', %(severity)s::text,
            'first_day', min(k.day),
            'last_day', max(k.day),
            'days', count(*),
            'failing_rows', sum(k.failing)::bigint,
            'message', (array_agg(k.message order by k.day desc))[1]
        )
    from kept as k
    where
        not k.passed
        and k.day not in (select day from failed_before)
    having count(*) > 0
)

select day
from kept
