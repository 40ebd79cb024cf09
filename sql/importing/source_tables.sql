-- Runs in the source's database. A row is a table (or view) of the hub that is there: its columns, about how many rows.
select
    c.relname::text,
    array_agg(a.attname::text order by a.attnum),
    greatest(c.reltuples, 0)::bigint
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
inner join pg_catalog.pg_attribute as a on a.attrelid = c.oid
where
    n.nspname = %(schema)s
    and c.relname = any(%(names)s)
    and c.relkind in ('r', 'p', 'v', 'm', 'f')
    and a.attnum > 0
    and not a.attisdropped
group by c.relname, c.reltuples
