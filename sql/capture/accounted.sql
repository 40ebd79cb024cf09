-- Does every account have exactly one state of a day? A row is a day on which somebody was connected: the accounts
-- connected and known here by then, or with an imported day by then; the states they have, and how many of these are of
-- a past day and not final.
-- Of today only accounts count that were connected when it was planned last: a newer one is planned by the next run.
with known as (
    select
        id as account_id,
        capture.counted_from(store_accounts, %(endpoint)s, %(zone)s) as since,
        greatest(connected_at, known_since) as since_when
    from hub.store_accounts
),

states as (
    select
        d.day,
        count(*) as states,
        count(*) filter (
            where
            d.state in ('planned', 'failed', 'capturing')
            and d.day < ops.day_of(ops.now(), d.time_zone)
            and (d.state <> 'capturing' or ops.now() >= ops.day_start(d.day + 1, d.time_zone) + %(grace)s)
        ) as unsettled,
        max(d.planned_at) as planned_at
    from capture.account_day as d
    inner join known as k on k.account_id = d.account_id
    where
        d.endpoint = %(endpoint)s
        and d.day between %(first)s and %(last)s
        and d.day >= k.since
    group by d.day
),

expected as (
    select
        s.day::date as day,
        coalesce(states.states, 0) as states,
        coalesce(states.unsettled, 0) as unsettled,
        (
            select count(*)
            from known
            where
                known.since <= s.day
                and (
                    s.day < ops.day_of(ops.now(), %(zone)s)
                    or known.since_when < states.planned_at - interval '1 minute'
                )
        ) as accounts
    from generate_series(%(first)s::date, least(%(last)s::date, ops.day_of(ops.now(), %(zone)s)), interval '1 day') as s (day)
    left join states on states.day = s.day::date
)

select
    day,
    accounts,
    states,
    unsettled
from expected
where accounts > 0
order by day
