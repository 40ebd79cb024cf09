-- One row per other store that has this TikTok account.
select
    store_code as other_store_code,
    id as account_id
from hub.store_accounts
where
    open_id = %(open_id)s
    and store_code <> %(store_code)s
