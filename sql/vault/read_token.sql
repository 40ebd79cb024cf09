-- One row: an account's sealed token pair, and for how many seconds its access token may still be handed out.
-- It is renewed before it ends: after 85 %% of the lifetime that TikTok gave, but at least 60 seconds early, which is
-- longer than any one call may take, and at most 10 minutes early, because every refresh carries a small risk of
-- losing the pair. A lifetime so short that this leaves nothing is used to its half.
with
pair as (
    select
        *,
        access_expires_at - saved_at as lifetime
    from vault.token
    where account_id = %(account_id)s
)

select
    pair.access_token,
    pair.refresh_token,
    pair.token_version,
    pair.access_expires_at,
    account.scope,
    extract(
        epoch
        from pair.access_expires_at
        - least(
            greatest(interval '60 seconds', least(interval '10 minutes', pair.lifetime * 0.15)),
            pair.lifetime / 2
        )
        - ops.now()
    )::float8 as renew_in_seconds
from pair
inner join hub.store_accounts as account on account.id = pair.account_id
