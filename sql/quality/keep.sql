-- reporting.quality_results: the verdicts of one check. It has failed since it began to, as long as it goes on. A row is a day.
insert into reporting.quality_results as r (
    table_name, check_name, day, passed, severity, what_to_do, checked, failing, message, examples, failing_since, run_id
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
returning r.day
