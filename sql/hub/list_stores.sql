-- One row per store.
select
    store_code as code,
    store_name as name,
    pic_name as pic,
    pic_contact as contact,
    created_at
from hub.stores
order by store_code
