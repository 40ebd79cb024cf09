-- How much of the quota of this TikTok app is used, by endpoint.
select
    endpoint,
    requests_last_minute,
    paused_until,
    down_since
from reporting.quota_now
where client_key = %(client_key)s
order by endpoint
