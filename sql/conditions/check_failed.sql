-- A row per check whose latest verdict on a day of the last week is a failure. `complete` and `latest_closed_day`
-- are told of as gaps, `fits_the_window` as quota_forecast.
select
    q.table_name || '.' || q.check_name as cause,
    case when bool_or(q.severity = 'error') then 'error' else 'warning' end as severity,
    format('the check %%s of %%s fails', q.check_name, q.table_name)
    || case when count(*) > 1 then format(' on %%s days', count(*)) else format(' on %%s', max(q.day)) end as subject,
    coalesce('What helps: ' || nullif((array_agg(q.what_to_do order by q.day desc))[1], '') || '. ', '')
    || 'What it found: `tiktok-pipeline broken`, or the check in the Dagster UI. What it means: docs/quality.md.' as body,
    coalesce(sum(q.failing), count(*))::bigint as count,
    to_jsonb(
        (array_agg(concat_ws(': ', q.day, nullif(q.message, ''), nullif(q.examples #>> '{0}', '')) order by q.day desc))[1:5]
    ) as examples,
    interval '0' as settle,
    interval '5 minutes' as away,
    false as told_elsewhere
from reporting.quality_results as q
where
    not q.passed
    and q.severity <> 'info'
    and q.check_name not in ('complete', 'latest_closed_day', 'fits_the_window')
    and q.day > ops.day_of(ops.now(), %(zone)s) - 7
group by
    q.table_name,
    q.check_name
