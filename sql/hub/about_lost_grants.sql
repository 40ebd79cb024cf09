-- One row per transaction of `ids` whose grant was lost, with what a message about it says. None for a store that has
-- connected the account since.
select
    lost.id as transaction_id,
    lost.consumed_at,
    a.id as account_id,
    coalesce(a.display_name, a.open_id) as account_name,
    s.store_code,
    s.store_name,
    s.pic_name,
    s.pic_contact
from ops.oauth_transaction as lost
inner join hub.stores as s on s.store_code = lost.store_code
left join hub.store_accounts as a on a.id = lost.account_id
where
    lost.id = any(%(ids)s)
    and not exists (
        select 1
        from ops.oauth_transaction as later
        where
            later.store_code = lost.store_code
            and later.account_id is not distinct from lost.account_id
            and later.outcome in ('connected', 'reduced')
            and later.finished_at > lost.consumed_at
    )
order by lost.id
