-- One row: the deletion's number and time, and the accounts. Notes who deletes a store, while the store is still there.
insert into ops.deletion_log (store_code, store_name, account_ids, actor, os_user, host)
select
    store_code,
    store_name,
    array(
        select a.id
        from hub.store_accounts as a
        where a.store_code = s.store_code
        order by a.id
    ),
    %(actor)s,
    %(os_user)s,
    %(host)s
from hub.stores as s
where store_code = %(store_code)s
returning id, at, account_ids
