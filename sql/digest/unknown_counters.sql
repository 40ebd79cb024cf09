-- Counters that TikTok left out of what was observed on a day. A row is a counter, with how many profiles or videos lack
-- it, of how many accounts, and a few of these. `last_known` is what a profile had when it was there last: the total of
-- the day leaves it out.
with unknown as (
    select
        c.counter,
        a.store_code,
        a.account_id,
        a.open_id,
        1::bigint as lacking
    from reporting.account_daily as a
    cross join lateral (
        values
        ('follower_count', a.follower_count),
        ('likes_count', a.likes_count)
    ) as c (counter, number)
    where
        a.snapshot_date = %(day)s
        and (%(store)s::text is null or a.store_code = %(store)s)
        and not a.quarantined
        and c.number is null
    union all
    select
        c.counter,
        v.store_code,
        v.account_id,
        null,
        count(*)
    from reporting.video_daily as v
    cross join lateral (
        values
        ('view_count', v.view_count),
        ('comment_count', v.comment_count),
        ('share_count', v.share_count)
    ) as c (counter, number)
    where
        v.snapshot_date = %(day)s
        and (%(store)s::text is null or v.store_code = %(store)s)
        and not v.quarantined
        and (v.view_count is null or v.comment_count is null or v.share_count is null)
        and c.number is null
    group by
        c.counter,
        v.store_code,
        v.account_id
),

ranked as (
    select
        *,
        row_number() over (partition by counter order by lacking desc, store_code, account_id) as place
    from unknown
)

select
    r.counter,
    sum(r.lacking)::bigint as lacking,
    count(*) as accounts,
    sum(p.follower_count)::bigint as last_known,
    jsonb_agg(
        jsonb_build_object(
            'store_code', r.store_code,
            'name', coalesce(a.display_name, a.open_id),
            'lacking', r.lacking
        )
        order by r.place
    ) filter (where r.place <= %(most)s) as examples
from ranked as r
inner join hub.store_accounts as a on r.account_id = a.id
left join lateral (
    select before.follower_count
    from reporting.account_daily as before
    where
        r.counter = 'follower_count'
        and before.store_code = r.store_code
        and before.open_id = r.open_id
        and before.snapshot_date < %(day)s
        and before.follower_count is not null
    order by before.snapshot_date desc
    limit 1
) as p on true
group by r.counter
order by
    array_position(array['follower_count', 'likes_count', 'view_count', 'comment_count', 'share_count'], r.counter)
