-- A row per check for which reports leave account-days out, unless the check itself is told as failed.
select
    q.check_name as cause,
    'warning' as severity,
    format('reports leave %%s account-days out: %%s', count(*), q.check_name) as subject,
    'Look at them in snapshots.quarantine; release those that are right after all.' as body,
    count(*) as count,
    to_jsonb(
        (
            array_agg(concat_ws(' ', a.store_code, q.endpoint, q.day || ':', q.reason) order by q.day desc, a.store_code)
        )[1:5]
    ) as examples,
    interval '0' as settle,
    interval '5 minutes' as away,
    false as told_elsewhere
from snapshots.quarantine as q
inner join hub.store_accounts as a on a.id = q.account_id
where
    q.released_at is null
    and not exists (
        select
        from ops.incident as i
        where i.kind = 'check_failed' and i.resolved_at is null and split_part(i.cause, '.', -1) = q.check_name
    )
group by q.check_name
