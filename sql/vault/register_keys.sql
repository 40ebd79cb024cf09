-- No row. Remembers keys by id and check value.
insert into vault.key (key_id, check_value)
select
    key_id,
    check_value
from unnest(%(key_ids)s::bigint[], %(check_values)s::bytea[]) as new_key (key_id, check_value)
