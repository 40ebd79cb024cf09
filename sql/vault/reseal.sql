-- One row per pair whose seals were replaced. A pair that was renewed since it was read stays as it is.
update vault.token as t set
    access_token = resealed.access_token,
    refresh_token = resealed.refresh_token
from unnest(
    %(account_ids)s::bigint[],
    %(versions)s::integer[],
    %(access_tokens)s::bytea[],
    %(refresh_tokens)s::bytea[]
) as resealed (account_id, token_version, access_token, refresh_token)
where
    t.account_id = resealed.account_id
    and t.token_version = resealed.token_version
returning t.account_id
