-- One row when there is such a store.
select
    store_code as code,
    store_name as name,
    pic_name as pic,
    pic_contact as contact,
    created_at
from hub.stores
where store_code = %(store_code)s
