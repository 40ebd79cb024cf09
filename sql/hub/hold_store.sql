-- One row when the store exists; it cannot be deleted before the transaction ends.
select store_code
from hub.stores
where store_code = %(store_code)s
for key share
