-- reporting.video_latest: one row per video, its newest observation that is not quarantined; of the videos with a row on a
-- day from first to last. Whatever changes reporting.video_daily keeps it; here it is looked up again. Of the stores, one of
-- so many shares.
with videos as materialized (
    select
        store_code,
        video_id
    from reporting.video_daily
    where
        snapshot_date between %(first)s and %(last)s
        and ops.share_of(store_code, %(shares)s) = %(share)s
    union
    select
        store_code,
        video_id
    from reporting.video_latest
    where
        snapshot_date between %(first)s and %(last)s
        and ops.share_of(store_code, %(shares)s) = %(share)s
),

wanted as materialized (
    select n.*
    from videos as v
    cross join lateral (
        select
            d.store_code,
            d.account_id,
            d.video_id,
            d.snapshot_date,
            d.create_time,
            d.age_days,
            d.view_count,
            d.like_count,
            d.comment_count,
            d.share_count,
            d.engagement_rate
        from reporting.video_daily as d
        where
            d.store_code = v.store_code
            and d.video_id = v.video_id
            and not d.quarantined
        order by d.snapshot_date desc
        limit 1
    ) as n
),

removed as (
    delete from reporting.video_latest as l
    using videos as v
    where
        l.store_code = v.store_code
        and l.video_id = v.video_id
        and not exists (
            select
            from wanted as w
            where
                w.store_code = l.store_code
                and w.video_id = l.video_id
        )
    returning l.account_id
),

written as (
    insert into reporting.video_latest as l (
        store_code, account_id, video_id, snapshot_date, create_time, age_days,
        view_count, like_count, comment_count, share_count, engagement_rate
    )
    select *
    from wanted
    on conflict (store_code, video_id) do update
    set
        account_id = excluded.account_id,
        snapshot_date = excluded.snapshot_date,
        create_time = excluded.create_time,
        age_days = excluded.age_days,
        view_count = excluded.view_count,
        like_count = excluded.like_count,
        comment_count = excluded.comment_count,
        share_count = excluded.share_count,
        engagement_rate = excluded.engagement_rate
    where
        (
            l.account_id, l.snapshot_date, l.create_time, l.age_days,
            l.view_count, l.like_count, l.comment_count, l.share_count, l.engagement_rate
        ) is distinct from (
            excluded.account_id, excluded.snapshot_date, excluded.create_time, excluded.age_days,
            excluded.view_count, excluded.like_count, excluded.comment_count, excluded.share_count,
            excluded.engagement_rate
        )
    returning l.account_id
)

select account_id from removed
union all
select account_id from written;
