-- One row per key that this database knows, oldest first: its state, and how many tokens are sealed with it.
with sealed as (
    select
        sealed_with.key_id,
        count(*) as tokens
    from vault.token
    cross join lateral (values (access_key_id), (refresh_key_id)) as sealed_with (key_id)
    group by sealed_with.key_id
)

select
    key.key_id,
    key.check_value,
    key.state,
    key.state_since,
    key.cleared_at,
    coalesce(sealed.tokens, 0) as tokens,
    ops.now() as now
from vault.key
left join sealed on sealed.key_id = key.key_id
order by
    key.registered_at,
    key.key_id
