-- How far each month has come on its way into the archive. A row is a month, with its latest step.
select distinct on (month)
    month,
    event,
    url,
    rows,
    digest
from ops.archive_log
order by month, id desc
