-- One row when the table exists: whether it is attached to a parent, is on its way out, and was read back.
select
    i.inhrelid is not null as attached,
    coalesce(i.inhdetachpending, false) as detaching,
    coalesce(obj_description(c.oid, 'pg_class') like 'Read back from %%', false) as read_back
from pg_class as c
left join pg_inherits as i on c.oid = i.inhrelid
where c.oid = to_regclass(%(name)s)
