-- One row per key that this database knows.
select
    key_id,
    check_value
from vault.key
order by key_id
