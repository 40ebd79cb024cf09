-- One row per key that this database knows, oldest first.
select
    key_id,
    check_value,
    state
from vault.key
order by
    registered_at,
    key_id
