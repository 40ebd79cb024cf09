-- One row: when the new link to the store expires. No row when there is no such store.
insert into ops.connect_link (link_hash, store_code, made_by, expires_at)
select
    %(link_hash)s,
    store_code,
    %(made_by)s,
    ops.now() + make_interval(days => %(days)s)
from hub.stores
where store_code = %(store_code)s
returning expires_at
