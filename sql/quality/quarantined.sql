-- Account-days that reports leave out now, the newest first; with `released`, also those that were. A row is one of them.
select
    q.id,
    q.account_id,
    a.store_code,
    q.endpoint,
    q.day,
    q.check_name,
    q.reason,
    q.since,
    q.released_at,
    q.released_by,
    q.release_note
from snapshots.quarantine as q
inner join hub.store_accounts as a on q.account_id = a.id
where %(released)s or q.released_at is null
order by
    q.day desc,
    q.id desc
