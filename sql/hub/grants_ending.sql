-- One row per connected account whose grant ends within 30 days and of which that was not said yet: the narrowest of
-- 30, 14, 7 and 1 days that applies, and what a message about it says.
-- Every refresh tells the end anew, off by a second or two: an end within a day of the one that was told is the same.
with ending as (
    select
        a.id as account_id,
        coalesce(a.display_name, a.open_id) as account_name,
        s.store_code,
        s.store_name,
        s.pic_name,
        s.pic_contact,
        a.refresh_token_expires_at as ends_at,
        (
            select min(threshold)
            from unnest(array[1, 7, 14, 30]) as threshold
            where a.refresh_token_expires_at <= ops.now() + make_interval(days => threshold)
        ) as days
    from hub.store_accounts as a
    inner join hub.stores as s on s.store_code = a.store_code
    where
        a.status = 'CONNECTED'
        and a.refresh_token_expires_at > ops.now()
        and a.refresh_token_expires_at <= ops.now() + interval '30 days'
)

select *
from ending
where
    not exists (
        select 1
        from ops.outbox as told
        where
            told.account_id = ending.account_id
            and told.kind = 'grant_end'
            and (told.details ->> 'days')::integer <= ending.days
            and abs(extract(epoch from (told.details ->> 'ends_at')::timestamptz - ending.ends_at)) < 86400
    )
order by
    ends_at,
    account_id
limit %(limit)s
