-- What can be exported. One row per table or view of the reports, without partitions, and what one of its rows is.
select
    c.relname as name,
    obj_description(c.oid, 'pg_class') as description
from pg_class as c
where
    c.relnamespace = 'reporting'::regnamespace
    and c.relkind in ('r', 'p', 'v')
    and not c.relispartition
order by c.relname
