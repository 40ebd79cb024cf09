-- One row when the refreshed pair was saved; none when the stored pair is no longer the one that was refreshed.
-- The fence is the pair alone, not the attempt: a success is saved even when its lease was lost, and takes back the
-- NEED_RECONNECT that a refusal of that pair has set meanwhile. The moment at which the pair was saved tells apart
-- two databases that count the same account and version.
with
base as (
    select
        account_id,
        refused_at,
        ops.now() as saved_at
    from vault.token
    where
        account_id = %(account_id)s
        and token_version = %(base_version)s
        and saved_at = %(base_saved_at)s
    for no key update
),

saved as (
    update vault.token as token
    set
        access_token = %(access_token)s,
        refresh_token = %(refresh_token)s,
        token_version = token.token_version + 1,
        access_expires_at = base.saved_at + make_interval(secs => %(expires_in)s),
        refresh_expires_at = base.saved_at + make_interval(secs => %(refresh_expires_in)s),
        saved_at = base.saved_at,
        refresh_state = 'idle',
        attempt_id = null,
        lease_until = null,
        unknown_since = null,
        fail_class = null,
        fail_code = null,
        fail_count = 0,
        next_attempt_at = null,
        refused_at = null
    from base
    where token.account_id = base.account_id
    returning token.account_id, token.access_expires_at, token.refresh_expires_at, token.saved_at
)

update hub.store_accounts as account
set
    token_expires_at = saved.access_expires_at,
    refresh_token_expires_at = saved.refresh_expires_at,
    scope = coalesce(nullif(%(scope)s, ''), account.scope),
    status = case when back.again then 'CONNECTED' else account.status end,
    status_reason = case when back.again then null else account.status_reason end,
    status_changed_at = case when back.again then ops.now() else account.status_changed_at end,
    updated_at = saved.saved_at
from
    saved,
    (
        select
            base.account_id,
            base.refused_at is not null and held.status = 'NEED_RECONNECT' as again
        from base
        inner join hub.store_accounts as held on held.id = base.account_id
    ) as back
where
    account.id = saved.account_id
    and back.account_id = saved.account_id
returning
    account.id as account_id,
    back.again as connected_again
