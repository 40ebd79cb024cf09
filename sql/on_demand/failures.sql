-- Failed account-days, the latest first, from the one after (day, account, endpoint): those that nobody has seen to, or all.
select
    d.day,
    a.store_code,
    d.account_id,
    d.endpoint,
    d.reason,
    d.error_code,
    d.error_message,
    d.http_status,
    d.log_id,
    d.attempts,
    d.final,
    d.finished_at as failed_at,
    r.resolved_at,
    r.resolved_by,
    case
        when d.day < ops.day_of(ops.now(), d.time_zone) then 'its day has passed'
        when a.status = 'NEED_RECONNECT' then 'a person must reconnect it first'
        when a.status = 'DISABLED' then 'its account is disabled'
    end as hindrance
from capture.account_day as d
inner join hub.store_accounts as a on d.account_id = a.id
left join ops.resolved_failure as r
    on
        d.account_id = r.account_id
        and d.endpoint = r.endpoint
        and d.day = r.day
        and d.attempts = r.attempts
where
    d.state = 'failed'
    and (%(all)s or r.account_id is null)
    and (%(cause)s::text is null or %(cause)s::text in (d.reason, d.error_code))
    and (%(account)s::bigint is null or d.account_id = %(account)s::bigint)
    and (%(endpoint)s::text is null or d.endpoint = %(endpoint)s::text)
    and (%(day)s::date is null or d.day = %(day)s::date)
    and (%(stores)s::text [] is null or a.store_code = any(%(stores)s::text []))
    and (
        %(after_day)s::date is null
        or (d.day, d.account_id, d.endpoint) < (%(after_day)s::date, %(after_account)s::bigint, %(after_endpoint)s::text)
    )
order by d.day desc, d.account_id desc, d.endpoint desc
limit %(limit)s
