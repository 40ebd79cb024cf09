-- A person releases account-days from quarantine: one by its number, or all of an account and day. A row is one of them.
update snapshots.quarantine as q
set
    released_at = ops.now(),
    released_by = %(by)s,
    release_note = %(note)s
where
    q.released_at is null
    and (q.id = %(id)s or (q.account_id = %(account)s and q.day between %(first)s and %(last)s))
returning
    q.id,
    q.account_id,
    q.endpoint,
    q.day,
    q.check_name
