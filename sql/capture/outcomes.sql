-- How a day went. A row is an account of that day, the troubled ones first.
select
    a.store_code,
    d.account_id,
    a.display_name,
    case
        when d.error_code is not null and d.state = 'captured' then 'captured (a fresh capture failed)'
        when d.reason = 'needs_reconnect' and d.state = 'failed' then 'needs reconnect'
        else d.state
    end as outcome,
    d.reason,
    d.pages,
    d.items,
    d.refused,
    d.attempts,
    d.late,
    d.error_code,
    d.error_message,
    d.http_status,
    d.log_id
from capture.account_day as d
inner join hub.store_accounts as a on d.account_id = a.id
where
    d.endpoint = %(endpoint)s
    and d.day = %(day)s
order by
    d.error_code is null,
    d.state in ('captured', 'imported'),
    a.store_code,
    d.account_id
limit %(most)s
