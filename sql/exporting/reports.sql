-- What can be exported. One row per table or view of the reports, without partitions.
select c.relname as name
from pg_class as c
where
    c.relnamespace = 'reporting'::regnamespace
    and c.relkind in ('r', 'p', 'v')
    and not c.relispartition
order by c.relname
