-- Account-days without data, newest first, from the one after `after` (day, account, endpoint).
select
    d.day,
    a.store_code,
    d.account_id,
    d.endpoint,
    d.state,
    d.reason,
    d.error_code
from capture.account_day as d
inner join hub.store_accounts as a on d.account_id = a.id
where
    d.day between %(first)s and %(last)s
    and d.state in ('gap', 'failed')
    and (%(stores)s::text [] is null or a.store_code = any(%(stores)s::text []))
    and (
        %(after_day)s::date is null
        or (d.day, d.account_id, d.endpoint) < (%(after_day)s::date, %(after_account)s::bigint, %(after_endpoint)s::text)
    )
order by d.day desc, d.account_id desc, d.endpoint desc
limit %(limit)s
