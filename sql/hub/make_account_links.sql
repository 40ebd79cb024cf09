-- One row per account that there is: its new link, by hash. All of them, or those of one store.
insert into ops.connect_link (link_hash, store_code, account_id, made_by, expires_at)
select
    wanted.link_hash,
    account.store_code,
    account.id,
    %(made_by)s,
    ops.now() + make_interval(days => %(days)s)
from unnest(%(link_hashes)s::bytea[], %(account_ids)s::bigint[]) as wanted (link_hash, account_id)
inner join hub.store_accounts as account on account.id = wanted.account_id
where %(store_code)s::text is null or account.store_code = %(store_code)s
returning link_hash, store_code, account_id, expires_at
