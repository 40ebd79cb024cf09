-- Account-days that are failed now, all or those of a cause or account. A row is one, and what keeps it from being
-- tried again, if anything does.
select
    d.account_id,
    d.endpoint,
    d.day,
    d.reason,
    d.error_code,
    case
        when d.day < ops.day_of(ops.now(), d.time_zone) then 'its day has passed'
        when a.status = 'NEED_RECONNECT' then 'a person must reconnect it first'
        when a.status = 'DISABLED' then 'its account is disabled'
    end as hindrance
from capture.account_day as d
inner join hub.store_accounts as a on a.id = d.account_id
where
    d.state = 'failed'
    and (%(cause)s::text is null or %(cause)s in (d.reason, d.error_code))
    and (%(account_id)s::bigint is null or d.account_id = %(account_id)s)
order by
    d.day,
    d.endpoint,
    d.account_id
