-- A row per sensor or schedule whose latest ticks all failed. `ticks` is what Dagster says of them.
select
    t.name as cause,
    'error' as severity,
    format('%%s fails: its last %%s ticks did', t.name, t.failures) as subject,
    'It does nothing while it fails. The Dagster UI has the whole error under Automation; when the cause is mended it goes '
    'on by itself.' as body,
    t.failures as count,
    jsonb_build_array(t.error) as examples,
    interval '0' as settle,
    interval '2 minutes' as away,
    false as told_elsewhere
from jsonb_to_recordset(%(ticks)s) as t (name text, failures bigint, error text)
