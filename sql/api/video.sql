-- Whose video it is; no row: nobody's.
select
    store_code,
    account_id
from reporting.video_daily
where video_id = %(video)s
order by snapshot_date desc
limit 1
