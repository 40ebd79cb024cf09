-- One row per account whose grant TikTok has ended: its grant is over, and if it was in service, a person must
-- reconnect it. `flagged` says whether the event changed its status.
-- An account that got tokens after the event, from a person or by a refresh, has a grant that works: it is left alone.
-- TikTok tells whole seconds.
with ended as (
    select
        a.id,
        a.status
    from hub.store_accounts as a
    left join vault.token as t on t.account_id = a.id
    where
        a.id = any(%(account_ids)s)
        and (t.saved_at is null or t.saved_at < to_timestamp(%(created)s) + interval '1 second')
)

update hub.store_accounts as a
set
    status = case when a.status in ('CONNECTED', 'ERROR') then 'NEED_RECONNECT' else a.status end,
    status_reason = case when a.status in ('CONNECTED', 'ERROR') then %(reason)s else a.status_reason end,
    status_changed_at = case when a.status in ('CONNECTED', 'ERROR') then ops.now() else a.status_changed_at end,
    refresh_token_expires_at = least(a.refresh_token_expires_at, ops.now()),
    updated_at = ops.now()
from ended
where a.id = ended.id
returning a.id, ended.status in ('CONNECTED', 'ERROR') as flagged
