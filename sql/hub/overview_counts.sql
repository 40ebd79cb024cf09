-- One row: the number of stores, and of accounts in each status.
select
    (select count(*) from hub.stores) as stores,
    count(*) as accounts,
    count(*) filter (where status = 'CONNECTED') as connected,
    count(*) filter (where status = 'NEED_RECONNECT') as need_reconnect,
    count(*) filter (where status = 'ERROR') as error,
    count(*) filter (where status = 'DISABLED') as disabled
from hub.store_accounts
