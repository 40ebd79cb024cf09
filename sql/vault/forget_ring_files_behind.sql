-- No row. Forgets the ring files that do not hold the key that seals: somebody said that they are gone.
delete from vault.ring_file as file
using vault.key as key
where
    key.state = 'primary'
    and key.key_id <> all(file.key_ids)
