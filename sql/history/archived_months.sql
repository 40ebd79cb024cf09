-- Months from first to last whose pages have left the database or are about to. A row is a month, with its folder.
select distinct on (month)
    month,
    url,
    rows,
    digest
from ops.archive_log
where
    event in ('drop confirmed', 'dropped')
    and month between date_trunc('month', %(first)s::date) and %(last)s
order by month, id desc
