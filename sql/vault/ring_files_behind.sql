-- One row per ring file, in use lately or not, that did not hold the key that seals when it was last read.
select
    file.machine,
    file.path,
    file.seen_at
from vault.ring_file as file
inner join vault.key as key on key.state = 'primary'
where key.key_id <> all(file.key_ids)
order by
    file.machine,
    file.path
