-- One row when the store's account is out of service by an operator, who did not give its grant back. It stays as it
-- is until the transaction ends.
select id
from hub.store_accounts
where
    store_code = %(store_code)s
    and open_id = %(open_id)s
    and status = 'DISABLED'
    and not starts_with(coalesce(status_reason, ''), %(disconnected)s)
for no key update
