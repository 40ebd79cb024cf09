-- One row when this browser began a transaction: what became of it, and whether the browser may begin again.
select
    begun.outcome,
    begun.consumed_at is null as waits,
    begun.actor,
    store.store_name,
    wanted.display_name as wanted_name,
    met.scope as granted,
    met_store.store_name as met_store_name,
    begun.link_id is not null as by_link,
    coalesce(
        link.browser_hash = %(browser_hash)s and link.finished_at is null and link.expires_at > ops.now(),
        false
    ) as may_begin_again
from ops.oauth_transaction as begun
inner join hub.stores as store on store.store_code = begun.store_code
left join hub.store_accounts as wanted on wanted.id = begun.account_id
left join hub.store_accounts as met on met.id = begun.met_account_id
left join hub.stores as met_store on met_store.store_code = met.store_code
left join ops.connect_link as link on link.id = begun.link_id
where begun.binding_hash = %(binding_hash)s
