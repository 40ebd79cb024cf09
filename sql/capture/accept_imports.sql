-- Take staged account-days from first to last into the ledger, and their rows beside it. A row of the result says for
-- an endpoint how many account-days were taken, how many rows, and how many rows stayed out because their account-day
-- was imported before or has something captured here.
-- What was captured, or imported before, stays; a gap is filled, and so is a day that failed; only past days are
-- taken, and what a broken capture of theirs had reached is forgotten. An account-day is taken with all its rows: from
-- then on it is final.
with once as materialized (
    select distinct on (endpoint, day, account_id, item_id)
        endpoint,
        day,
        account_id,
        item_id,
        fields,
        observed_at
    from staged
    where
        day between %(first)s and %(last)s
        and day < ops.day_of(ops.now(), %(zone)s)
    order by endpoint, day, account_id, item_id, line
),

accepted as (
    insert into capture.account_day (account_id, endpoint, day, time_zone, state, finished_at)
    select
        account_id,
        endpoint,
        day,
        %(zone)s,
        'imported',
        ops.now()
    from (select distinct account_id, endpoint, day from once) as offered
    order by endpoint, day, account_id
    on conflict (account_id, endpoint, day) do update
    set
        state = 'imported',
        reason = null,
        pages = 0,
        items = 0,
        refused = 0,
        cursor = null,
        error_code = null,
        error_message = null,
        http_status = null,
        log_id = null,
        finished_at = excluded.finished_at
    where
        account_day.state in ('gap', 'failed', 'planned')
        and account_day.chosen_capture_no is null
    returning account_id, endpoint, day
),

kept as (
    insert into capture.imported (account_id, endpoint, day, item_id, fields, observed_at, imported_from)
    select
        o.account_id,
        o.endpoint,
        o.day,
        o.item_id,
        o.fields,
        o.observed_at,
        %(imported_from)s
    from once as o
    inner join accepted as a
        on
            o.account_id = a.account_id
            and o.endpoint = a.endpoint
            and o.day = a.day
    where o.item_id is not null
    returning endpoint
),

left_out as (
    select
        o.endpoint,
        count(*) filter (where d.state = 'imported') as imported_before,
        count(*) filter (where d.state <> 'imported') as captured_here
    from once as o
    inner join capture.account_day as d
        on
            o.account_id = d.account_id
            and o.endpoint = d.endpoint
            and o.day = d.day
    where
        o.item_id is not null
        and (d.state not in ('gap', 'failed', 'planned') or d.chosen_capture_no is not null)
    group by o.endpoint
)

select
    e.endpoint,
    (select count(*) from accepted as a where a.endpoint = e.endpoint) as account_days,
    (select count(*) from kept as k where k.endpoint = e.endpoint) as rows,
    coalesce((select l.imported_before from left_out as l where l.endpoint = e.endpoint), 0) as imported_before,
    coalesce((select l.captured_here from left_out as l where l.endpoint = e.endpoint), 0) as captured_here
from unnest(array['user_info', 'video_list']) as e (endpoint)
