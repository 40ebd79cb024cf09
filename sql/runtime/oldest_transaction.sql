-- The other session of this database whose transaction has been open for longest: what it is called, and since when.
select
    'pid ' || pid || ' (' || coalesce(nullif(application_name, '') || ', ', '') || 'user ' || usename || ')' as who,
    xact_start at time zone 'UTC' as since
from pg_stat_activity
where
    datname = current_database()
    and pid <> pg_backend_pid()
    and xact_start is not null
order by xact_start
limit 1
