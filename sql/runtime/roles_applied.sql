-- One row: whether the roles of sql/roles.sql have their rights in this database.
select exists (
    select 1
    from pg_namespace
    where
        nspname = 'vault'
        and pg_get_userbyid(nspowner) = 'vault'
) as applied
