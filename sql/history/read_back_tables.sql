-- Tables that were read back from an archive for a while. A row is a table.
select
    c.relname as name,
    case when c.relname like 'user_info_%%' then 'user_info' else 'video_list' end as endpoint
from pg_class as c
where
    c.relnamespace = 'capture'::regnamespace
    and c.relkind = 'r'
    and obj_description(c.oid, 'pg_class') like 'Read back from %%'
order by c.relname
