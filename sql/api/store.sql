select
    store_code,
    store_name,
    pic_name,
    created_at,
    accounts,
    connected_accounts
from reporting.dim_store
where store_code = %(store)s
