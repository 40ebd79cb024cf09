-- What reports leave out of a day. A row is an account and endpoint.
select
    q.endpoint,
    a.store_code,
    coalesce(a.display_name, a.open_id) as name,
    string_agg(q.reason, '; ' order by q.id) as why
from snapshots.quarantine as q
inner join hub.store_accounts as a on q.account_id = a.id
where
    q.day = %(day)s
    and q.released_at is null
    and (%(store)s::text is null or a.store_code = %(store)s)
group by
    q.endpoint,
    a.store_code,
    a.id
order by
    a.store_code,
    a.id,
    q.endpoint
