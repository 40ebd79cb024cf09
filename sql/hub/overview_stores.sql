-- One row per store of a page of the overview, by code, with the number of stores on all its pages.
-- A store is found by words in its own names or in those of an account, and by the status of an account.
select
    store.store_code as code,
    store.store_name as name,
    store.pic_name as pic,
    store.pic_contact as contact,
    store.created_at,
    count(*) over () as found
from hub.stores as store
where
    (
        %(search)s = ''
        or position(lower(%(search)s) in lower(concat_ws(' ', store_code, store_name, pic_name, pic_contact))) > 0
        or exists (
            select from hub.store_accounts as account
            where
                account.store_code = store.store_code
                and position(lower(%(search)s) in lower(concat_ws(' ', display_name, open_id))) > 0
        )
    )
    and (
        %(status)s::text is null
        or exists (
            select from hub.store_accounts as account
            where
                account.store_code = store.store_code
                and account.status = %(status)s
        )
    )
order by store.store_code
limit %(most)s
offset %(skip)s
