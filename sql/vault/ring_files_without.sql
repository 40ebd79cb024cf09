-- One row per ring file that was in use within the last day and did not hold the key then.
select
    machine,
    path,
    seen_at
from vault.ring_file
where
    seen_at > ops.now() - interval '24 hours'
    and %(key_id)s <> all(key_ids)
order by
    machine,
    path
