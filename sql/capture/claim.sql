-- Take account-days to work on, first those not tried yet. A row of the result is one that is ours until its lease ends.
-- What is ours and not in hand was taken by a statement whose answer was lost: it is taken again. Of those with which
-- a worker died, one at a time is in our hands.
with free as (
    select
        d.account_id,
        d.endpoint,
        d.day
    from capture.account_day as d
    where
        d.endpoint = %(endpoint)s
        and d.day = %(day)s
        and d.deaths = 0
        and (
            d.lease_until is null
            or (d.owner = %(owner)s and d.account_id <> all(%(in_hand)s::bigint[]))
        )
        and (%(accounts)s::bigint[] is null or d.account_id = any(%(accounts)s::bigint[]))
        and capture.is_open(d, %(grace)s)
    order by
        d.attempts,
        d.pages,
        d.account_id
    limit %(places)s
    for update skip locked
),

suspect as (
    select
        d.account_id,
        d.endpoint,
        d.day
    from capture.account_day as d
    where
        d.endpoint = %(endpoint)s
        and d.day = %(day)s
        and d.deaths > 0
        and (
            d.lease_until is null
            or (d.owner = %(owner)s and d.account_id <> all(%(in_hand)s::bigint[]))
        )
        and (%(accounts)s::bigint[] is null or d.account_id = any(%(accounts)s::bigint[]))
        and capture.is_open(d, %(grace)s)
        and not exists (
            select 1
            from capture.account_day as held
            where
                held.endpoint = %(endpoint)s
                and held.day = %(day)s
                and held.account_id = any(%(in_hand)s::bigint[])
                and held.owner = %(owner)s
                and held.deaths > 0
        )
    order by
        d.deaths,
        d.account_id
    limit 1
    for update skip locked
),

taken as (
    select * from free
    union all
    select * from suspect
)

update capture.account_day as d
set
    state = 'capturing',
    owner = %(owner)s,
    lease_until = ops.now() + %(lease)s,
    attempts = d.attempts + 1,
    started_at = coalesce(d.started_at, ops.now()),
    run_id = %(run_id)s
from taken, hub.store_accounts as a
where
    d.account_id = taken.account_id
    and d.endpoint = taken.endpoint
    and d.day = taken.day
    and a.id = d.account_id
returning
    d.account_id,
    d.endpoint,
    d.day,
    d.cursor,
    d.pages,
    a.store_code,
    a.status
