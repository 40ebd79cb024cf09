-- One row per account that there is: its new link, by hash. All of them, or those of one store. An account that is
-- being deleted has none: waiting for its end would only fail the others.
insert into ops.connect_link (link_hash, store_code, account_id, made_by, expires_at)
select
    wanted.link_hash,
    account.store_code,
    account.id,
    %(made_by)s,
    ops.now() + make_interval(days => %(days)s)
from unnest(%(link_hashes)s::bytea[], %(account_ids)s::bigint[]) as wanted (link_hash, account_id)
inner join hub.store_accounts as account on account.id = wanted.account_id
inner join hub.stores as store on store.store_code = account.store_code
where %(store_code)s::text is null or account.store_code = %(store_code)s
for key share of store, account skip locked
returning link_hash, store_code, account_id, expires_at
