-- A row per endpoint and state: the account-days of today.
select
    d.endpoint,
    d.state,
    count(*) as value
from capture.account_day as d
where
    d.endpoint in ('user_info', 'video_list')
    and d.day = ops.day_of(ops.now(), %(zone)s)
group by
    d.endpoint,
    d.state
order by
    d.endpoint,
    d.state
