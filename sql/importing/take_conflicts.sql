-- Take from the staged days those rows that say different things of the same profile or video and day: nobody knows
-- which is true. A row of the result is one of them.
with conflicting as (
    select
        endpoint,
        day,
        account_id,
        item_id
    from staged
    where day between %(first)s and %(last)s
    group by endpoint, day, account_id, item_id
    having count(*) > 1 and count(distinct fields) > 1
)

delete from staged as s
using conflicting as c
where
    s.endpoint = c.endpoint
    and s.day = c.day
    and s.account_id = c.account_id
    and s.item_id = c.item_id
returning s.endpoint, s.day, s.account_id, s.line, s.fields
