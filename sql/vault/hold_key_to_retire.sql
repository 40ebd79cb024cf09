-- One row: the key, held until the transaction ends, so that no token is saved with it meanwhile.
-- Not waited for: whoever saves a token with it may wait for the keys.
select key_id
from vault.key
where key_id = %(key_id)s
for update nowait
