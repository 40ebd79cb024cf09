-- One row: the deletion's number and time. Notes who deletes a store, while the store is still there.
insert into ops.deletion_log (store_code, store_name, account_ids, actor, os_user, host)
select
    store_code,
    store_name,
    %(account_ids)s,
    %(actor)s,
    %(os_user)s,
    %(host)s
from hub.stores
where store_code = %(store_code)s
returning id, at
