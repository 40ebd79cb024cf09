-- What deletions left of each day, in their order. A row is a deletion and a day: how many account-days it left, and
-- how many of these are of accounts that the log of deletions names.
select
    d.day,
    d.deletion_id,
    count(*) as left_over,
    count(l.id) as logged
from capture.deleted_account_day as d
left join ops.deletion_log as l
    on
        d.deletion_id = l.id
        and d.account_id = any(l.account_ids)
group by
    d.day,
    d.deletion_id
order by
    d.day,
    d.deletion_id
