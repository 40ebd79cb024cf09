-- One row: the store as it is now. No row when there is none.
update hub.stores set
    store_name = %(store_name)s,
    pic_name = %(pic_name)s,
    pic_contact = %(pic_contact)s
where store_code = %(store_code)s
returning
    store_code as code,
    store_name as name,
    pic_name as pic,
    pic_contact as contact,
    created_at
