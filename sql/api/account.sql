-- An account and its latest day that is not quarantined.
select
    a.id,
    a.store_code,
    a.open_id,
    a.display_name,
    a.status,
    a.connected_at,
    d.snapshot_date,
    d.follower_count,
    d.following_count,
    d.likes_count,
    d.video_count
from hub.store_accounts as a
left join lateral (
    select
        snapshot_date,
        follower_count,
        following_count,
        likes_count,
        video_count
    from reporting.account_daily
    where
        account_id = a.id
        and store_code = a.store_code
        and not quarantined
    order by snapshot_date desc
    limit 1
) as d on true
where a.id = %(account)s
