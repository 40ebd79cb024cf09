-- One row: the key that seals now, how many pairs there are, and how many are not sealed with it alone.
select
    sealing.key_id as primary_key_id,
    count(token.account_id) as pairs,
    count(token.account_id) filter (
        where token.access_key_id <> sealing.key_id or token.refresh_key_id <> sealing.key_id
    ) as left_to_do
from vault.key as sealing
left join vault.token on true
where sealing.state = 'primary'
group by sealing.key_id
