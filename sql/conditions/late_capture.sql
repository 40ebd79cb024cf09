-- A row when, at the time by which a day is to be captured, less of it is than wanted. Before that time today, the day
-- is yesterday, so that midnight ends nothing. What another incident explains is not counted: an open circuit, captures
-- that keep failing; nor what only its account's person can mend.
with judged as (
    select ops.day_of(ops.now() - %(deadline)s::time::interval, %(zone)s) as day
),

wanted as (
    select
        a.store_code,
        e.endpoint,
        coalesce(d.state, 'unplanned') as state,
        d.reason,
        d.error_code
    from judged as j
    cross join hub.store_accounts as a
    cross join unnest(array['user_info', 'video_list']) as e (endpoint)
    left join (
        select *
        from capture.account_day
        where
            endpoint in ('user_info', 'video_list')
            and day = (select day from judged)
    ) as d
        on
            d.account_id = a.id
            and d.endpoint = e.endpoint
    where
        a.status in ('CONNECTED', 'ERROR')
        and greatest(a.connected_at, a.known_since) < ops.day_start(j.day, %(zone)s)
        and (d.reason is null or d.reason not in ('cancelled', 'needs_reconnect', 'not_yet_connected', 'scope_missing'))
),

missing as (
    select
        w.store_code,
        w.endpoint,
        w.state,
        w.reason
    from wanted as w
    where
        w.state <> 'captured'
        and not exists (
            select
            from ops.incident as i
            where
                i.resolved_at is null
                and i.told > 0
                and (
                    i.kind = 'circuit_open'
                    or (i.kind = 'failed_captures' and i.cause = concat_ws(':', w.reason, w.error_code))
                )
        )
)

select
    'deadline' as cause,
    case when m.missing * 2 > n.wanted then 'error' else 'warning' end as severity,
    format('%%s of %%s captures of %%s are missing after %%s', m.missing, n.wanted, j.day, left(%(deadline)s::text, 5)) as subject,
    'Every day is to be captured by then (CAPTURE_DEADLINE). Look for the run of that day in the Dagster UI: it failed, '
    'waits for another, or never began. What is not captured before midnight is lost for good.' as body,
    m.missing as count,
    m.examples,
    interval '0' as settle,
    interval '10 minutes' as away,
    false as told_elsewhere
from judged as j
cross join (select count(*) as wanted from wanted) as n
cross join (
    select
        count(*) as missing,
        to_jsonb(
            (array_agg(concat_ws(' ', store_code, endpoint, state, reason) order by store_code, endpoint))[1:5]
        ) as examples
    from missing
) as m
where m.missing * 100 > n.wanted * (100 - %(deadline_percent)s)
