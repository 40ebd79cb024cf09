-- A row is a day that rows are staged of, and how many.
select
    day,
    count(*) as rows
from staged
group by day
order by day
