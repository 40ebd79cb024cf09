-- A row per reason for which the latest day that is over has gaps. Only that day counts: filling or losing older ones
-- changes nothing. Not counted are accounts that wait for a person (reconnect_open) or were disabled, and what was told
-- as failed captures or as TikTok's silence while it could still be mended.
with latest as (
    select ops.day_of(ops.now(), %(zone)s) - 1 as day
),

gaps as (
    select
        d.store_code,
        d.endpoint,
        d.error_code,
        d.error_message,
        coalesce(d.reason, 'missed') as reason
    from latest as l
    inner join reporting.account_days as d on d.day = l.day
    where
        d.state in ('gap', 'failed', 'planned', 'unplanned')
        and (d.reason is null or d.reason not in ('cancelled', 'needs_reconnect', 'not_yet_connected'))
        and not exists (
            select
            from ops.incident as i
            where
                i.told > 0
                and (i.resolved_at is null or i.resolved_at >= ops.day_start(l.day, %(zone)s))
                and (
                    (i.kind = 'failed_captures' and i.cause = concat_ws(':', d.reason, d.error_code))
                    or (i.kind = 'circuit_open' and d.reason = 'provider_down')
                )
        )
)

select
    g.reason as cause,
    case when count(*) * 10 > 2 * max(n.accounts) then 'error' else 'warning' end as severity,
    format('%%s account-days of %%s are gaps: %%s', count(*), max(l.day), g.reason) as subject,
    'Their numbers cannot be fetched any more. Why is in the ledger: reporting.account_gaps, and the runs of that day in '
    'the Dagster UI. See to it that today does not go the same way.' as body,
    count(*) as count,
    to_jsonb(
        (array_agg(concat_ws(' ', g.store_code, g.endpoint, g.error_message) order by g.store_code, g.endpoint))[1:5]
    ) as examples,
    interval '0' as settle,
    interval '10 minutes' as away,
    false as told_elsewhere
from gaps as g
cross join latest as l
cross join (select count(*) as accounts from hub.store_accounts where status in ('CONNECTED', 'ERROR')) as n
group by g.reason
