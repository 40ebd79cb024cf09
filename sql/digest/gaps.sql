-- Account-days of a day without data. A row is an endpoint and reason, with the number of accounts and a few of them. What
-- is still to come on a day that is not over has no reason.
with missing as (
    select
        store_code,
        account_id,
        coalesce(display_name, open_id) as name,
        endpoint,
        reason
    from reporting.account_days
    where
        day = %(day)s
        and (%(store)s::text is null or store_code = %(store)s)
        and state not in ('captured', 'imported')
        and captured_at is null
        and reason is distinct from 'cancelled'
        and reason is distinct from 'not_yet_connected'
    union all
    -- Captured or imported, and not in the reports (yet).
    select
        d.store_code,
        d.account_id,
        coalesce(d.display_name, d.open_id),
        d.endpoint,
        'not_derived'
    from reporting.account_days as d
    where
        d.day = %(day)s
        and (%(store)s::text is null or d.store_code = %(store)s)
        and (d.state in ('captured', 'imported') or d.captured_at is not null)
        and d.items > 0
        and not case d.endpoint
            when 'user_info'
                then exists (
                    select
                    from reporting.account_daily as r
                    where r.store_code = d.store_code and r.account_id = d.account_id and r.snapshot_date = d.day
                )
            else exists (
                select
                from reporting.video_daily as r
                where r.store_code = d.store_code and r.account_id = d.account_id and r.snapshot_date = d.day
            )
        end
),

ranked as (
    select
        *,
        row_number() over (partition by endpoint, reason order by store_code, account_id) as place
    from missing
)

select
    r.endpoint,
    r.reason,
    count(*) as accounts,
    jsonb_agg(
        jsonb_build_object('store_code', r.store_code, 'name', r.name, 'since', g.since)
        order by r.place
    ) filter (where r.place <= %(most)s) as examples
from ranked as r
left join lateral (
    select min(g."from") as since
    from reporting.account_gaps as g
    where
        r.place <= %(most)s
        and g.store_code = r.store_code
        and g.account_id = r.account_id
        and g.endpoint = r.endpoint
        and g."from" <= %(day)s
        and g."to" >= %(day)s
) as g on true
group by
    r.endpoint,
    r.reason
order by
    r.endpoint,
    accounts desc,
    r.reason
