-- A row per cause for which captures fail, whatever their endpoint: when the oldest has failed for two hours, or, after
-- 40 minutes, when they are many. Not what reconnecting cures, nor what an open circuit explains.
select
    concat_ws(':', f.reason, f.error_code) as cause,
    case when sum(f.account_days) >= 5 and sum(f.account_days) * 10 > 2 * max(n.accounts) then 'error' else 'warning' end
    as severity,
    format('%%s captures fail: %%s', sum(f.account_days), concat_ws(', ', f.reason, f.error_code)) as subject,
    case
        when bool_and(f.final)
            then 'Nothing tries them again by itself. When the cause is mended: tiktok-pipeline failed retry.'
        else 'They are tried again every half hour.'
    end
    || ' tiktok-pipeline failed list has the details. What is not captured before midnight becomes a gap.' as body,
    sum(f.account_days)::bigint as count,
    to_jsonb(
        (array_agg(concat_ws(' ', f.example_store_code, f.endpoint || ':', f.example_message) order by f.endpoint))[1:5]
    ) as examples,
    case
        when min(f.oldest_at) < ops.now() - interval '2 hours' then interval '0'
        else interval '40 minutes'
    end as settle,
    interval '10 minutes' as away,
    false as told_elsewhere
from reporting.failed_captures as f
cross join (select count(*) as accounts from hub.store_accounts where status in ('CONNECTED', 'ERROR')) as n
where
    f.reason <> 'needs_reconnect'
    and not (
        f.reason = 'provider_down'
        and exists (
            select
            from ops.incident as i
            where i.kind = 'circuit_open' and i.resolved_at is null
        )
    )
group by
    f.reason,
    f.error_code
having
    min(f.oldest_at) < ops.now() - interval '2 hours'
    or (sum(f.account_days) >= 5 and sum(f.account_days) * 10 > 2 * max(n.accounts))
