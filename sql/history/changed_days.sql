-- Days that something was added to after their latest entry in the manifest, or that have none and lie before its
-- first day. A row is a day. A deletion adds nothing: its entries do not count here.
with latest as (
    select
        day,
        max(written_at) as written_at
    from capture.manifest
    where reason <> 'deleted'
    group by day
),

account_days as (
    select
        day,
        state,
        planned_at,
        finished_at
    from capture.account_day
    where reason is distinct from 'not_yet_connected'
    union all
    select
        day,
        state,
        planned_at,
        finished_at
    from capture.deleted_account_day
)

select distinct d.day
from account_days as d
left join latest as l on d.day = l.day
where
    d.day <= %(last)s
    and (
        (d.state = 'imported' and d.finished_at > l.written_at)
        or (d.state = 'gap' and d.planned_at > l.written_at)
        or (l.day is null and d.day < (select min(day) from capture.manifest where reason = 'closed'))
    )
order by d.day
