-- One row when the refresh of this very pair is ours until the lease ends; none when it is not to be had now.
-- Not while somebody else's lease runs, before the time of the next attempt, after TikTok has refused the pair, while
-- the app's refreshes are stopped, or with as many under way as may be. While TikTok refuses the app, one is tried at
-- a time. A refresh that was cut off leaves its outcome unknown until a pair is saved.
with
free as (
    select
        token.account_id,
        account.open_id
    from vault.token as token
    inner join hub.store_accounts as account on account.id = token.account_id
    left join vault.refresh_stop as stop on stop.client_key = account.client_key
    where
        token.account_id = %(account_id)s
        and token.token_version = %(token_version)s
        and (token.refresh_state <> 'in_flight' or token.lease_until < ops.now())
        and (token.next_attempt_at is null or token.next_attempt_at <= ops.now())
        and token.refused_at is null
        and (stop.stopped_until is null or stop.stopped_until <= ops.now())
        and (
            select count(*)
            from vault.token as other
            where
                other.refresh_state = 'in_flight'
                and other.lease_until >= ops.now()
        ) < case when stop.client_key is null then %(most_at_once)s else 1 end
    for no key update of token skip locked
)

update vault.token as token
set
    refresh_state = 'in_flight',
    unknown_since = case
        when token.refresh_state = 'in_flight' then coalesce(token.unknown_since, token.attempt_at)
        else token.unknown_since
    end,
    attempt_id = %(attempt_id)s,
    attempt_at = ops.now(),
    lease_until = ops.now() + make_interval(secs => %(lease_seconds)s)
from free
where token.account_id = free.account_id
returning
    token.account_id,
    token.attempt_id,
    token.token_version,
    token.saved_at,
    free.open_id
