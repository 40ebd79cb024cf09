-- Does all of history add up, until the day `last` or yesterday? One row: the states that accounts have of days since they
-- were connected and known here, or have imported days, and how many that must be: accounts times days.
with known as (
    select
        id as account_id,
        capture.counted_from(store_accounts, %(endpoint)s, %(zone)s) as since,
        least(%(last)s::date, ops.day_of(ops.now(), %(zone)s) - 1) as last
    from hub.store_accounts
)

select
    (
        select count(*)
        from capture.account_day as d
        inner join known on d.account_id = known.account_id
        where
            d.endpoint = %(endpoint)s
            and d.day between known.since and known.last
    ) as states,
    (
        select coalesce(sum(greatest(known.last - known.since + 1, 0)), 0)
        from known
    ) as expected,
    (
        select min(known.since)
        from known
    ) as first,
    (
        select max(known.last)
        from known
    ) as last
