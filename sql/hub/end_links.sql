-- One row per link that ends now, because an operator takes accounts out of service: the accounts' own ones, and their
-- stores' open ones, which could connect them as well. The stores are held first, as by whoever deletes one.
with store as (
    select held.store_code
    from hub.stores as held
    where exists (
        select 1
        from hub.store_accounts as account
        where account.store_code = held.store_code and account.id = any(%(account_ids)s)
    )
    order by held.store_code
    for key share
),

wanted as (
    select link.id
    from ops.connect_link as link
    inner join store on store.store_code = link.store_code
    where
        (link.account_id is null or link.account_id = any(%(account_ids)s))
        and link.finished_at is null
        and link.expires_at > ops.now()
    order by link.id
    for update of link
)

update ops.connect_link as link set expires_at = ops.now()
from wanted
where link.id = wanted.id
returning link.id
