-- The first day that anything is known of. One row; its `day` is NULL when the ledger is empty.
select min(e.day) as day
from unnest(array['user_info', 'video_list']) as of_endpoint (endpoint)
cross join lateral (
    select min(d.day) as day
    from capture.account_day as d
    where d.endpoint = of_endpoint.endpoint
) as e
