-- Imported days that no snapshot has yet. One row: the first and the last of them, or NULLs.
select
    min(d.day) as first,
    max(d.day) as last
from capture.account_day as d
inner join hub.store_accounts as a on d.account_id = a.id
where
    d.state = 'imported'
    and d.endpoint = 'user_info'
    and not exists (
        select
        from snapshots.tiktok_user_daily as s
        where
            s.store_code = a.store_code
            and s.open_id = a.open_id
            and s.snapshot_date = d.day
    )
