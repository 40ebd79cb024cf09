-- Account-days that a rule found go into quarantine; what a person released stays released. A row is one put there.
insert into snapshots.quarantine (account_id, endpoint, day, check_name, reason)
select
    f.account_id,
    %(endpoint)s,
    f.day,
    %(check)s,
    coalesce(f.example, '')
from pg_temp.finding as f
where
    f.failing > 0
    and f.account_id is not null
    and not exists (
        select
        from snapshots.quarantine as q
        where
            q.account_id = f.account_id
            and q.endpoint = %(endpoint)s
            and q.day = f.day
            and q.check_name = %(check)s
            and q.released_by <> %(by)s
    )
on conflict (account_id, endpoint, day, check_name) where released_at is null do nothing
returning account_id
