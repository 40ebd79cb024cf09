-- A row per number of days: the connected accounts whose grant ends within them.
select
    within.days::text as days,
    count(a.id) as value
from unnest(array[1, 7, 30]) as within (days)
left join hub.store_accounts as a
    on
        a.status = 'CONNECTED'
        and a.refresh_token_expires_at between ops.now() and ops.now() + make_interval(days => within.days)
group by within.days
order by within.days
