-- The pages of one endpoint from first to last, as an archive keeps them. A row is a page.
select
    endpoint,
    day,
    account_id,
    capture_no,
    page_no,
    body::text as body,
    observed_at,
    time_zone,
    log_id,
    run_id
from capture.page
where
    endpoint = %(endpoint)s
    and day between %(first)s and %(last)s
order by day, account_id, capture_no, page_no
