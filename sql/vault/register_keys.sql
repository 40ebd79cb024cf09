-- No row. Announces keys: nothing is sealed with them before a rotation makes one of them the primary.
insert into vault.key (key_id, check_value, state)
select
    key_id,
    check_value,
    'staged'
from unnest(%(key_ids)s::bigint[], %(check_values)s::bytea[]) as new_key (key_id, check_value)
