-- What capture/accept_imports would do with what is staged of the days from first to last. The same rows, and nothing
-- is changed.
with once as (
    select distinct on (endpoint, day, account_id, item_id)
        endpoint,
        day,
        account_id
    from staged
    where day between %(first)s and %(last)s
    order by endpoint, day, account_id, item_id, line
),

judged as (
    select
        o.endpoint,
        o.day,
        o.account_id,
        d.account_id is null or (d.state in ('gap', 'failed', 'planned') and d.chosen_capture_no is null) as is_free,
        d.state = 'imported' as is_imported
    from once as o
    left join capture.account_day as d
        on
            o.account_id = d.account_id
            and o.endpoint = d.endpoint
            and o.day = d.day
)

select
    endpoint,
    count(distinct (day, account_id)) filter (where is_free) as account_days,
    count(*) filter (where is_free) as rows,
    count(*) filter (where is_imported) as imported_before,
    count(*) filter (where not is_free and not is_imported) as captured_here
from judged
group by endpoint
