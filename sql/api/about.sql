-- How far data may be relied on: the newest observation, the worst verdict on a list of videos, and account-days without
-- data; of the stores (NULL: all) or the account, on the days from first to last (NULL: the latest day with data).
with latest as (
    select max(snapshot_date) as day
    from reporting.account_daily
    where
        (%(stores)s::text [] is null or store_code = any(%(stores)s::text []))
        and (%(account)s::bigint is null or account_id = %(account)s::bigint)
),

span as (
    select
        coalesce(%(first)s::date, day) as first,
        coalesce(%(last)s::date, day) as last
    from latest
),

observed as (
    select max(d.observed_at) as at
    from reporting.account_daily as d, span as s
    where
        d.snapshot_date between s.first and s.last
        and (%(stores)s::text [] is null or d.store_code = any(%(stores)s::text []))
        and (%(account)s::bigint is null or d.account_id = %(account)s::bigint)
),

worst as (
    select max(array_position(array['COMPLETE', 'IMPORTED', 'UNSTABLE', 'TRUNCATED'], v.verdict)) as place
    from snapshots.account_day_verdict as v, span as s
    where
        v.snapshot_date between s.first and s.last
        and (%(stores)s::text [] is null or v.store_code = any(%(stores)s::text []))
        and (%(account)s::bigint is null or v.account_id = %(account)s::bigint)
),

missing as (
    select count(*) as account_days
    from capture.account_day as d
    cross join span as s
    inner join hub.store_accounts as a on d.account_id = a.id
    where
        d.day between s.first and s.last
        and d.state in ('gap', 'failed')
        and (%(stores)s::text [] is null or a.store_code = any(%(stores)s::text []))
        and (%(account)s::bigint is null or d.account_id = %(account)s::bigint)
)

select
    o.at as observed_at,
    (array['COMPLETE', 'IMPORTED', 'UNSTABLE', 'TRUNCATED'])[w.place] as completeness,
    m.account_days::integer as gaps,
    case when o.at is not null then greatest(0, extract(epoch from ops.now() - o.at))::integer end as age_seconds
from observed as o, worst as w, missing as m
