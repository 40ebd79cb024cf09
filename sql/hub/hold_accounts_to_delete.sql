-- One row per account of the store: nothing is planned or imported for it before the transaction ends.
select id
from hub.store_accounts
where store_code = %(store_code)s
order by id
for update
