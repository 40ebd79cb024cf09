-- One row per table with rows of its own, partitions one by one: where every fact of ours is.
select
    n.nspname as schema_name,
    c.relname as table_name
from pg_class as c
inner join pg_namespace as n on c.relnamespace = n.oid
where n.nspname in ('hub', 'vault', 'capture', 'snapshots', 'reporting', 'ops')
    and c.relkind = 'r'
order by
    n.nspname,
    c.relname
