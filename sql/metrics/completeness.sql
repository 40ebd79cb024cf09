-- A row per endpoint: which part of the account-days of the last closed day has data, of those that anybody misses. No
-- row for a day on which nothing was planned.
select
    d.endpoint,
    count(*) filter (where d.state in ('captured', 'imported'))::float8 / count(*) as value
from capture.account_day as d
where
    d.endpoint in ('user_info', 'video_list')
    and d.day = ops.day_of(ops.now(), %(zone)s) - 1
    and coalesce(d.reason, '') not in ('not_yet_connected', 'cancelled')
group by d.endpoint
order by d.endpoint
