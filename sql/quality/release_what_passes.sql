-- Account-days of the days from first to last that a rule does not find any more leave quarantine. A row is one of them.
update snapshots.quarantine as q
set
    released_at = ops.now(),
    released_by = %(by)s
where
    q.check_name = %(check)s
    and q.endpoint = %(endpoint)s
    and q.day between %(first)s and %(last)s
    and q.released_at is null
    and not exists (
        select
        from pg_temp.finding as f
        where
            f.account_id = q.account_id
            and f.day = q.day
            and f.failing > 0
    )
returning q.account_id
