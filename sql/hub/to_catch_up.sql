-- One row: what became connected after the change `after`: the newest such change, how many accounts of them lack
-- something of today that a run could still fetch, the newest change among these; and which day and hour it is.
with connected as (
    select
        c.id,
        c.account_id,
        exists (
            select 1
            from hub.store_accounts as a
            cross join unnest(array['user_info', 'video_list']) as e (endpoint)
            left join capture.account_day as d
                on
                    d.account_id = a.id
                    and d.endpoint = e.endpoint
                    and d.day = ops.day_of(ops.now(), %(zone)s)
            where
                a.id = c.account_id
                and a.status in ('CONNECTED', 'ERROR')
                and (
                    d.account_id is null
                    or d.state in ('planned', 'capturing', 'gap')
                    or (
                        d.state = 'failed'
                        and (not d.final or (d.attempts < 5 and d.error_code is distinct from 'poison'))
                    )
                )
        ) as lacks_today
    from hub.status_change as c
    where
        c.to_status = 'CONNECTED'
        and c.id > %(after)s
)

select
    ops.day_of(ops.now(), %(zone)s) as day,
    extract(hour from ops.now() at time zone %(zone)s)::integer as hour,
    coalesce(max(id), %(after)s) as newest,
    max(id) filter (where lacks_today) as newest_lacking,
    count(distinct account_id) filter (where lacks_today) as accounts
from connected
