-- Accounts that needed a person when the day ended, or need one now when it is not over: to be reconnected, or their
-- captures keep failing. A row is an account, with how many there are in all; the longest first.
select
    count(*) over () as found,
    b.store_code,
    b.name,
    b.status,
    case when b.still then b.status_changed_at end as since,
    case when b.still then b.status_reason end as why
from (
    select
        a.store_code,
        coalesce(a.display_name, a.open_id) as name,
        a.id,
        s.status,
        a.status = s.status and a.status_changed_at < t.ended_at as still,
        a.status_changed_at,
        a.status_reason
    from hub.store_accounts as a
    cross join (select least(ops.now(), ops.day_start(%(day)s::date + 1, %(zone)s)) as ended_at) as t
    cross join lateral (select hub.status_before(a, t.ended_at) as status) as s
    where
        a.connected_at < t.ended_at
        and (%(store)s::text is null or a.store_code = %(store)s)
) as b
where b.status in ('NEED_RECONNECT', 'ERROR')
order by
    since nulls last,
    b.id
limit %(most)s
