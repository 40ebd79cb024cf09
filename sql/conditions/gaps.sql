-- A row per reason for which the latest day that is over has gaps. Only that day counts: filling or losing older ones
-- changes nothing. Not counted are accounts that wait for a person (reconnect_open) or were disabled, and what was told
-- as failed captures or as TikTok's silence while it could still be mended. `members` are the accounts, so that one is
-- told of other accounts on the next day.
with latest as (
    select ops.day_of(ops.now(), %(zone)s) - 1 as day
),

-- As reporting.account_days has them, which counts the days of every account: here one day alone is read.
gaps as (
    select
        a.store_code,
        a.id as account_id,
        e.endpoint,
        d.error_code,
        d.error_message,
        coalesce(d.reason, 'missed') as reason
    from latest as l
    cross join hub.store_accounts as a
    cross join unnest(array['user_info', 'video_list']) as e (endpoint)
    left join (
        select *
        from capture.account_day
        where
            endpoint in ('user_info', 'video_list')
            and day = (select day from latest)
    ) as d
        on
            d.account_id = a.id
            and d.endpoint = e.endpoint
    where
        case
            when d.state is null
                then
                    ops.day_of(greatest(a.connected_at, a.known_since), %(zone)s) <= l.day
                    and exists (select from capture.account_day)
            else d.state in ('gap', 'failed', 'planned')
        end
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
    to_jsonb(array_agg(distinct format('%%s, account %%s', g.store_code, g.account_id))) as members,
    interval '0' as settle,
    interval '10 minutes' as away,
    false as told_elsewhere
from gaps as g
cross join latest as l
cross join (select count(*) as accounts from hub.store_accounts where status in ('CONNECTED', 'ERROR')) as n
group by g.reason
