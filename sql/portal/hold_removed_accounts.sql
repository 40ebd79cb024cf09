-- One row per account that an event is about, held until the transaction ends, so that nobody connects it meanwhile.
select id
from hub.store_accounts
where
    open_id = %(open_id)s
    and client_key = %(client_key)s
order by id
for no key update
