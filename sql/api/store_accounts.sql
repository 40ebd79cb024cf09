select
    id,
    store_code,
    open_id,
    display_name,
    status,
    connected_at
from hub.store_accounts
where store_code = %(store)s
order by id
