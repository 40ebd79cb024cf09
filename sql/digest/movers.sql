-- Those whose followers changed most, up and down, at most so many each way; the greatest gain first. A row is a store, or
-- an account of the one store that was asked for. What was gained while TikTok left a counter out is in it.
with changes as (
    select
        store_code,
        account_id,
        follower_delta,
        null::bigint as view_delta,
        case when follower_delta is not null then span_days end as span_days
    from reporting.account_daily
    where
        snapshot_date = %(day)s
        and (%(store)s::text is null or store_code = %(store)s)
    union all
    select
        store_code,
        account_id,
        null,
        view_delta,
        null
    from reporting.account_videos_daily
    where
        snapshot_date = %(day)s
        and (%(store)s::text is null or store_code = %(store)s)
    union all
    select
        store_code,
        account_id,
        case counter when 'follower_count' then gained end,
        case counter when 'view_count' then gained end,
        case counter when 'follower_count' then span_days end
    from reporting.counter_returns
    where
        snapshot_date = %(day)s
        and (%(store)s::text is null or store_code = %(store)s)
        and counter in ('follower_count', 'view_count')
),

sums as (
    select
        store_code,
        case when %(store)s::text is not null then account_id end as account_id,
        sum(follower_delta)::bigint as followers,
        sum(view_delta)::bigint as views,
        max(span_days) as span_days
    from changes
    group by 1, 2
),

ranked as (
    select
        *,
        row_number() over (order by followers desc, store_code, account_id) as up,
        row_number() over (order by followers, store_code, account_id) as down
    from sums
    where followers <> 0
)

select
    r.store_code,
    coalesce(a.display_name, a.open_id, s.store_name) as name,
    r.followers,
    r.span_days,
    r.views
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
