-- No row. Replaces an account's token pair and notes its scope and times on the account.
-- The times are TikTok's remaining lifetimes, counted from the database's now. An answer that does not say the scope
-- leaves it as it was. What was known about refreshing the old pair is forgotten with it.
with
clock as materialized (
    select ops.now() as saved_at
),

saved as (
    insert into vault.token (
        account_id,
        access_token,
        refresh_token,
        token_version,
        access_expires_at,
        refresh_expires_at,
        saved_at
    )
    select
        %(account_id)s,
        %(access_token)s,
        %(refresh_token)s,
        %(token_version)s,
        saved_at + make_interval(secs => %(expires_in)s),
        saved_at + make_interval(secs => %(refresh_expires_in)s),
        saved_at
    from clock
    on conflict (account_id) do update set
        access_token = excluded.access_token,
        refresh_token = excluded.refresh_token,
        token_version = excluded.token_version,
        access_expires_at = excluded.access_expires_at,
        refresh_expires_at = excluded.refresh_expires_at,
        saved_at = excluded.saved_at,
        refresh_state = 'idle',
        attempt_id = null,
        lease_until = null,
        unknown_since = null,
        fail_class = null,
        fail_code = null,
        fail_count = 0,
        next_attempt_at = null,
        refused_at = null
    returning account_id, access_expires_at, refresh_expires_at, saved_at
)

update hub.store_accounts set
    token_expires_at = saved.access_expires_at,
    refresh_token_expires_at = saved.refresh_expires_at,
    scope = coalesce(nullif(%(scope)s, ''), store_accounts.scope),
    updated_at = saved.saved_at
from saved
where store_accounts.id = saved.account_id
