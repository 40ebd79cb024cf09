-- Note that somebody has seen to failed account-days: of a cause or account, or one. A row of the result is one.
insert into ops.resolved_failure (account_id, endpoint, day, attempts, resolved_by)
select
    d.account_id,
    d.endpoint,
    d.day,
    d.attempts,
    %(by)s
from capture.account_day as d
inner join hub.store_accounts as a on d.account_id = a.id
where
    d.state = 'failed'
    and (%(cause)s::text is null or %(cause)s::text in (d.reason, d.error_code))
    and (%(account)s::bigint is null or d.account_id = %(account)s::bigint)
    and (%(endpoint)s::text is null or d.endpoint = %(endpoint)s::text)
    and (%(day)s::date is null or d.day = %(day)s::date)
    and (%(stores)s::text [] is null or a.store_code = any(%(stores)s::text []))
on conflict (account_id, endpoint, day) do update
set
    attempts = excluded.attempts,
    resolved_by = excluded.resolved_by,
    resolved_at = ops.now()
where resolved_failure.attempts <> excluded.attempts
returning account_id
