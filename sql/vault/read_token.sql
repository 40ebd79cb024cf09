-- One row: an account's sealed token pair, for how many seconds its access token may still be handed out, and how it
-- stands with refreshing it.
-- A pair is renewed before it ends: after 85 %% of the lifetime that TikTok gave, but at least 60 seconds early, which
-- is longer than any one call may take, and at most 10 minutes early, because every refresh carries a small risk of
-- losing the pair. A lifetime so short that this leaves nothing is used to its half.
with
pair as (
    select
        *,
        access_expires_at - saved_at as lifetime,
        ops.now() as read_at
    from vault.token
    where account_id = %(account_id)s
)

select
    pair.account_id,
    pair.access_token,
    pair.refresh_token,
    pair.token_version,
    pair.saved_at,
    pair.access_expires_at,
    account.scope,
    extract(
        epoch
        from pair.access_expires_at
        - least(
            greatest(interval '60 seconds', least(interval '10 minutes', pair.lifetime * 0.15)),
            pair.lifetime / 2
        )
        - pair.read_at
    )::float8 as renew_in_seconds,
    extract(epoch from pair.access_expires_at - pair.read_at)::float8 as ends_in_seconds,
    pair.refresh_state = 'in_flight' and pair.lease_until >= pair.read_at as under_way,
    pair.refresh_state = 'in_flight' and pair.lease_until < pair.read_at as cut_off,
    pair.refresh_state = 'uncertain' as uncertain,
    pair.refused_at is not null as refused,
    coalesce(
        extract(epoch from greatest(pair.next_attempt_at, stop.stopped_until) - pair.read_at), 0
    )::float8 as try_in_seconds,
    case when stop.stopped_until > pair.read_at then 'invalid_client' else pair.fail_code end as fail_code
from pair
inner join hub.store_accounts as account on account.id = pair.account_id
left join vault.refresh_stop as stop on stop.client_key = account.client_key
