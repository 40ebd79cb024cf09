-- Stores in the order of their codes, from the one after `after`.
select
    store_code,
    store_name,
    pic_name,
    created_at,
    accounts,
    connected_accounts
from reporting.dim_store
where
    (%(stores)s::text [] is null or store_code = any(%(stores)s::text []))
    and (%(after)s::text is null or store_code > %(after)s::text)
order by store_code
limit %(limit)s
