-- Those whose followers changed most, up and down, at most so many each way; the greatest gain first. A row is a store, or
-- an account of the one store that was asked for.
with followers as (
    select
        store_code,
        case when %(store)s::text is not null then account_id end as account_id,
        sum(follower_delta)::bigint as followers,
        max(span_days) as span_days
    from reporting.account_daily
    where
        snapshot_date = %(day)s
        and (%(store)s::text is null or store_code = %(store)s)
    group by 1, 2
),

ranked as (
    select
        *,
        row_number() over (order by followers desc, store_code, account_id) as up,
        row_number() over (order by followers, store_code, account_id) as down
    from followers
    where followers <> 0
)

select
    r.store_code,
    coalesce(a.display_name, a.open_id, s.store_name) as name,
    r.followers,
    r.span_days,
    (
        select sum(v.view_delta)::bigint
        from reporting.video_daily as v
        where
            v.snapshot_date = %(day)s
            and v.store_code = r.store_code
            and (r.account_id is null or v.account_id = r.account_id)
    ) as views
from ranked as r
inner join hub.stores as s on r.store_code = s.store_code
left join hub.store_accounts as a on r.account_id = a.id
where
    (r.followers > 0 and r.up <= %(most)s)
    or (r.followers < 0 and r.down <= %(most)s)
order by
    r.followers desc,
    r.store_code,
    r.account_id
