-- One row per key that this database knows, oldest first; and a note that this ring file is in use.
with seen as (
    insert into vault.ring_file (machine, path, key_ids)
    values (%(machine)s, %(path)s, %(key_ids)s)
    on conflict (machine, path) do update set
        key_ids = excluded.key_ids,
        seen_at = ops.now()
)

select
    key_id,
    check_value,
    state
from vault.key
order by
    registered_at,
    key_id
