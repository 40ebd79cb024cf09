-- Add a store that comes with an import. No row. One that is there stays as it is.
insert into hub.stores (store_code, store_name, pic_name, pic_contact, created_at)
values (
    %(store_code)s,
    %(store_name)s,
    %(pic_name)s,
    %(pic_contact)s,
    least(coalesce(%(created_at)s::timestamptz, ops.now()), ops.now())
)
on conflict (store_code) do nothing
