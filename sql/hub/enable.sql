-- A row of the result is an account that was enabled now, and its status. One that waited for a person when it was
-- disabled waits again, and one whose grant has ended meanwhile must be reconnected.
with before as (
    select
        a.id,
        a.refresh_token_expires_at <= ops.now() as ended,
        coalesce(disabled.from_status = 'NEED_RECONNECT', false) as waited,
        needed.reason
    from hub.store_accounts as a
    left join lateral (
        select c.from_status
        from hub.status_change as c
        where c.account_id = a.id and c.to_status = 'DISABLED'
        order by c.id desc
        limit 1
    ) as disabled on true
    left join lateral (
        select c.reason
        from hub.status_change as c
        where c.account_id = a.id and c.to_status = 'NEED_RECONNECT'
        order by c.id desc
        limit 1
    ) as needed on true
    where
        a.id = any(%(account_ids)s)
        and a.status = 'DISABLED'
)

update hub.store_accounts as a
set
    status = case when before.ended or before.waited then 'NEED_RECONNECT' else 'CONNECTED' end,
    status_reason = case
        when before.waited then before.reason
        when before.ended then 'enabled after its grant had ended'
    end,
    status_changed_at = ops.now(),
    updated_at = ops.now()
from before
where a.id = before.id
returning a.id, a.status
