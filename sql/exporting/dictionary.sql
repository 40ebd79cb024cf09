-- What BI tools read. One row per column of a table or view, without partitions; of stores no contacts, and of the hub
-- only stores and accounts.
select
    n.nspname as schema,
    c.relname as name,
    a.attname as column,
    format_type(a.atttypid, a.atttypmod) as type,
    coalesce(obj_description(c.oid, 'pg_class'), '') as description,
    coalesce(col_description(c.oid, a.attnum), '') as meaning
from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
inner join pg_attribute as a on a.attrelid = c.oid
where
    n.nspname = any(%(schemas)s)
    and c.relkind in ('r', 'p', 'v')
    and not c.relispartition
    and a.attnum > 0
    and not a.attisdropped
    and (
        n.nspname <> 'hub'
        or c.relname = 'store_accounts'
        or (c.relname = 'stores' and a.attname in ('store_code', 'store_name', 'pic_name', 'created_at'))
    )
order by
    n.nspname,
    c.relname,
    a.attnum
