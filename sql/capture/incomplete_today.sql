-- Whether today still lacks something that could be fetched now. One row: how many account-days.
-- An account that a person must reconnect, and what is final, is not tried again by itself.
select count(*) as missing
from hub.store_accounts as a
cross join unnest(array['user_info', 'video_list']) as e (endpoint)
left join capture.account_day as d
    on
        a.id = d.account_id
        and e.endpoint = d.endpoint
        and d.day = %(day)s
where
    a.status in ('CONNECTED', 'ERROR')
    and (
        d.account_id is null
        or d.state in ('planned', 'capturing', 'gap')
        or (d.state = 'failed' and not d.final)
    )
