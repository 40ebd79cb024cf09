-- One row when the store exists: nothing is connected to it before the transaction ends.
select store_code
from hub.stores
where store_code = %(store_code)s
for update
