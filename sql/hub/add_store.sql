-- One row: the store that was added. No row when its code is taken.
insert into hub.stores (store_code, store_name, pic_name, pic_contact)
values (%(store_code)s, %(store_name)s, %(pic_name)s, %(pic_contact)s)
on conflict (store_code) do nothing
returning
    store_code as code,
    store_name as name,
    pic_name as pic,
    pic_contact as contact,
    created_at
