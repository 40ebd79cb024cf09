-- One row: how many token pairs there are, and how many are not sealed with the primary key alone.
select
    count(*) as pairs,
    count(*) filter (where access_key_id is distinct from sealing.key_id or refresh_key_id is distinct from sealing.key_id)
    as left_to_do
from vault.token
left join vault.key as sealing on sealing.state = 'primary'
