-- reporting.account_videos_daily: one row per account and day with a list, of the days from first to last. Whatever changes
-- reporting.video_daily keeps it; here it is summed again. Of the stores, one of so many shares.
with wanted as materialized (
    select
        store_code,
        account_id,
        snapshot_date,
        count(*)::integer as videos_listed,
        sum(view_delta)::bigint as view_delta,
        sum(like_delta)::bigint as like_delta,
        sum(comment_delta)::bigint as comment_delta,
        sum(share_delta)::bigint as share_delta,
        (sum(view_count) filter (where engagement_rate is not null))::bigint as rated_views,
        (sum(like_count + comment_count + share_count) filter (where engagement_rate is not null))::bigint
        as rated_engagements
    from reporting.video_daily
    where
        snapshot_date between %(first)s and %(last)s
        and ops.share_of(store_code, %(shares)s) = %(share)s
    group by
        store_code,
        account_id,
        snapshot_date
),

removed as (
    delete from reporting.account_videos_daily as s
    where
        s.snapshot_date between %(first)s and %(last)s
        and ops.share_of(s.store_code, %(shares)s) = %(share)s
        and not exists (
            select
            from wanted as w
            where
                w.store_code = s.store_code
                and w.account_id = s.account_id
                and w.snapshot_date = s.snapshot_date
        )
    returning s.account_id
),

written as (
    insert into reporting.account_videos_daily as s (
        store_code, account_id, snapshot_date, videos_listed,
        view_delta, like_delta, comment_delta, share_delta, rated_views, rated_engagements
    )
    select *
    from wanted
    on conflict (store_code, account_id, snapshot_date) do update
    set
        videos_listed = excluded.videos_listed,
        view_delta = excluded.view_delta,
        like_delta = excluded.like_delta,
        comment_delta = excluded.comment_delta,
        share_delta = excluded.share_delta,
        rated_views = excluded.rated_views,
        rated_engagements = excluded.rated_engagements
    where
        (
            s.videos_listed, s.view_delta, s.like_delta, s.comment_delta, s.share_delta,
            s.rated_views, s.rated_engagements
        ) is distinct from (
            excluded.videos_listed, excluded.view_delta, excluded.like_delta, excluded.comment_delta,
            excluded.share_delta, excluded.rated_views, excluded.rated_engagements
        )
    returning s.account_id
)

select account_id from removed
union all
select account_id from written;
