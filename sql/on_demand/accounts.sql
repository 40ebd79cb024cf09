-- Accounts in service of a store, or one account: how many requests to TikTok it takes to have them captured today, by
-- the pages that they had before; 0: they are.
select
    a.id as account_id,
    coalesce(sum(greatest(1, p.pages)) filter (
        where d.account_id is null
        or (d.state in ('captured', 'imported') and d.captured_at < %(since)s::timestamptz)
        or (d.state = 'failed' and (%(release)s or not d.final))
        or d.state in ('planned', 'capturing')
        or (d.state = 'gap' and d.reason = 'cancelled')
    ), 0)::integer as cost
from hub.store_accounts as a
cross join unnest(%(endpoints)s::text []) as e (endpoint)
left join capture.account_day as d
    on
        a.id = d.account_id
        and e.endpoint = d.endpoint
        and d.day = ops.day_of(ops.now(), %(zone)s)
left join lateral (
    select before.pages
    from capture.account_day as before
    where
        before.account_id = a.id
        and before.endpoint = e.endpoint
        and before.state = 'captured'
    order by before.day desc
    limit 1
) as p on true
where
    a.status in ('CONNECTED', 'ERROR')
    and (%(store)s::text is null or a.store_code = %(store)s::text)
    and (%(accounts)s::bigint [] is null or a.id = any(%(accounts)s::bigint []))
group by a.id
order by a.id
