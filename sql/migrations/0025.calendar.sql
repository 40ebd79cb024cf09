-- Views of the ledger: a hole inside a series shows at once, and a captured day shows no error of a fresh capture that
-- failed afterwards.
-- depends: 0012.ledger

-- The ledger, and the days up to today that nothing has planned: they get their row by the next run, whichever it is.
-- The time zone is that of the newest day in the ledger.
create or replace view reporting.account_days as
with zone as (
    select d.time_zone
    from capture.account_day as d
    order by
        d.endpoint desc,
        d.day desc,
        d.account_id desc
    limit 1
)

select
    a.store_code,
    d.account_id,
    a.open_id,
    a.display_name,
    d.endpoint,
    d.day,
    d.state,
    d.reason,
    d.late,
    d.attempts,
    d.pages,
    d.items,
    d.captured_at,
    case when d.state not in ('captured', 'imported') then d.error_code end as error_code,
    case when d.state not in ('captured', 'imported') then d.error_message end as error_message,
    case when d.state not in ('captured', 'imported') then d.log_id end as log_id,
    d.run_id
from capture.account_day as d
inner join hub.store_accounts as a on a.id = d.account_id

union all

select
    a.store_code,
    a.id,
    a.open_id,
    a.display_name,
    e.endpoint,
    s.day::date,
    'unplanned',
    null,
    false,
    0,
    0,
    0,
    null,
    null,
    null,
    null,
    null
from zone as z
cross join hub.store_accounts as a
cross join unnest(array['user_info', 'video_list']) as e (endpoint)
cross join lateral (
    select
        ops.day_of(a.connected_at, z.time_zone) as first,
        ops.day_of(ops.now(), z.time_zone) as last
) as life
-- Counting comes first: of most accounts no day is missing, and they need no series.
cross join lateral (
    select count(*) as days
    from capture.account_day as d
    where
        d.account_id = a.id
        and d.endpoint = e.endpoint
        and d.day between life.first and life.last
) as known
cross join lateral generate_series(
    life.first,
    case when known.days < life.last - life.first + 1 then life.last end,
    interval '1 day'
) as s (day)
where not exists (
    select
    from capture.account_day as d
    where
        d.account_id = a.id
        and d.endpoint = e.endpoint
        and d.day = s.day::date
);

create or replace view reporting.sync_logs as
select
    d.account_id * 1000000 + (d.day - date '1900-01-01') * 2 + (d.endpoint = 'video_list')::integer as id,
    a.store_code,
    case d.endpoint when 'user_info' then 'user_daily' else 'video_daily' end as job_type,
    case
        when d.state in ('captured', 'imported') then 'SUCCESS'
        when d.state in ('planned', 'capturing') then 'RUNNING'
        when d.reason in ('cancelled', 'not_yet_connected', 'needs_reconnect') and d.started_at is null then 'SKIPPED'
        else 'FAILED'
    end as status,
    case
        when d.state = 'captured' then d.pages || ' pages' || case when d.late then ', late' else '' end
        else coalesce(d.reason, d.state)
    end as message,
    case when d.state in ('captured', 'capturing') then d.items end as records_processed,
    case
        when d.error_code is not null and d.state not in ('captured', 'imported')
            then concat_ws(' ', d.error_code || ':', d.error_message)
    end as error_details,
    coalesce(d.started_at, d.planned_at) as started_at,
    d.finished_at as completed_at,
    d.account_id,
    d.day,
    d.attempts,
    d.run_id,
    case when d.state not in ('captured', 'imported') then d.log_id end as log_id
from capture.account_day as d
inner join hub.store_accounts as a on a.id = d.account_id
where d.state <> 'planned' or d.started_at is not null;
