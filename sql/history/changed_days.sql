-- Days that something was added to after their latest entry in the manifest, or that have none and lie before its
-- first day. A row is a day.
with latest as (
    select
        day,
        max(written_at) as written_at
    from capture.manifest
    group by day
)

select distinct d.day
from capture.account_day as d
left join latest as l on d.day = l.day
where
    d.reason is distinct from 'not_yet_connected'
    and d.day <= %(last)s
    and (
        (d.state = 'imported' and d.finished_at > l.written_at)
        or (d.state = 'gap' and d.planned_at > l.written_at)
        or (l.day is null and d.day < (select min(day) from capture.manifest where reason = 'closed'))
    )
order by d.day
