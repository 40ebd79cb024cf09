-- What happened between imported days is told, too; and a capture that was cut off for good is a gap in reports.
-- depends: 0026.honest-history

-- From which day on an account is to have a state on each: since it is connected and known here, or since the first day
-- that was imported for it.
create function capture.counted_from(account hub.store_accounts, endpoint text, zone text) returns date
language sql stable parallel safe
as $$
select least(
    ops.day_of(greatest(account.connected_at, account.known_since), zone),
    (select min(i.day) from capture.imported as i where i.account_id = account.id and i.endpoint = counted_from.endpoint)
)
$$;

create or replace view reporting.account_gaps as
select
    store_code,
    account_id,
    endpoint,
    min(day) as "from",
    max(day) as "to",
    count(*)::integer as days,
    reason
from (
    select
        d.store_code,
        d.account_id,
        d.endpoint,
        d.day,
        d.reason,
        d.day - row_number() over (
            partition by d.store_code, d.account_id, d.endpoint, d.reason
            order by d.day
        )::integer as island
    from reporting.account_days as d
    where
        d.state = 'gap'
        or (
            d.state in ('planned', 'failed', 'unplanned')
            and d.day < ops.day_of(
                ops.now(),
                (
                    select l.time_zone
                    from capture.account_day as l
                    order by
                        l.endpoint desc,
                        l.day desc,
                        l.account_id desc
                    limit 1
                )
            )
        )
        -- Begun and never finished: by then the day and the longest grace, 12 hours, are over everywhere.
        or (d.state = 'capturing' and d.day < ops.day_of(ops.now(), 'UTC') - 1)
) as gaps
group by
    store_code,
    account_id,
    endpoint,
    reason,
    island;
