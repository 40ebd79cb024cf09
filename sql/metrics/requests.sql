-- A row per endpoint and status.
select
    endpoint,
    status,
    requests as value
from ops.tiktok_request
order by
    endpoint,
    status
