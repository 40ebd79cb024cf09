-- One row per account that a person must reconnect; also per account whose grant ends within `ending_within` days,
-- if given. With `account_ids` exactly those, whatever their status.
select
    s.store_code,
    s.store_name,
    s.pic_name,
    s.pic_contact,
    a.id as account_id,
    coalesce(a.display_name, a.open_id) as display_name,
    case
        when a.status = 'CONNECTED' then 'the grant ends'
        else coalesce(a.status_reason, a.status)
    end as reason,
    case
        when a.status = 'CONNECTED' then a.refresh_token_expires_at
        else a.status_changed_at
    end as since
from hub.store_accounts as a
inner join hub.stores as s on s.store_code = a.store_code
where
    a.id = any(%(account_ids)s::bigint[])
    or (
        %(account_ids)s::bigint[] is null
        and (
            a.status = 'NEED_RECONNECT'
            or (
                a.status = 'CONNECTED'
                and a.refresh_token_expires_at <= ops.now() + make_interval(days => %(ending_within)s)
            )
        )
    )
order by
    s.store_code,
    a.id
