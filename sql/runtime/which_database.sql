-- One row: what tells this database from every other.
select
    oid,
    pg_postmaster_start_time() as server_started
from pg_database
where datname = current_database()
