-- One row: what has become of a transaction so far. It is held until the caller's transaction ends.
select outcome
from ops.oauth_transaction
where id = %(id)s
for update
