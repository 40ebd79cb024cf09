-- Videos of an account with their latest counters, the greatest first by what is asked for, from the one after `after`.
with newest as (
    select
        d.video_id,
        d.snapshot_date,
        d.create_time,
        d.view_count,
        d.like_count,
        d.comment_count,
        d.share_count,
        d.engagement_rate,
        coalesce(
            case %(sort)s
                when 'views' then d.view_count
                when 'likes' then d.like_count
                else extract(epoch from d.create_time)::bigint
            end,
            -1
        ) as place
    from (select distinct video_id from snapshots.video_change where account_id = %(account)s) as v
    cross join lateral (
        select *
        from reporting.video_daily
        where
            store_code = %(store)s
            and video_id = v.video_id
            and account_id = %(account)s
            and not quarantined
        order by snapshot_date desc
        limit 1
    ) as d
)

select *
from newest
where %(after_place)s::bigint is null or (place, video_id) < (%(after_place)s::bigint, %(after_id)s::text)
order by place desc, video_id desc
limit %(limit)s
