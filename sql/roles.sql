-- Who may do what. Applied by `tiktok-pipeline db roles`, and again by every `db migrate` after that.
-- The roles have no login: an administrator gives them one (alter role … login password …) or grants them to users.
--
-- | role            | for                                 | may                                                          |
-- |-----------------|-------------------------------------|---------------------------------------------------------------|
-- | migrator        | db migrate                          | owns all tables but the vault's; none of the vault's rights   |
-- |                 |                                     | before `set role vault`, which migrations of its tables do    |
-- | vault           | VAULT_DATABASE_URL of whoever calls | schema vault, which nobody else may use; an account's status  |
-- |                 | TikTok (runs, portal)               | and times in the hub; OAuth transactions                      |
-- | vault_migrator  | nobody: it leads from migrator to   | nothing; inherits nothing of vault, on every version of       |
-- |                 | vault                               | PostgreSQL                                                    |
-- | reporting_owner | nobody: it owns the views           | reads everything but the vault                                |
-- | pipeline        | runs, schedules, command line       | reads and writes everything but the vault                     |
-- | portal          | the portal                          | stores, accounts, links; reads what was captured              |
-- | api_reader      | internal systems                    | reads the ledger, snapshots, reports, the hub without contacts |
-- | bi_reader       | BI tools                            | reads snapshots, reports, the hub without contacts            |

do $$
declare
    wanted text;
    holder text;
    thing regprocedure;
    administrator boolean := (select rolsuper or rolcreaterole from pg_roles where rolname = current_user);
    superuser boolean := (select rolsuper from pg_roles where rolname = current_user);
begin
    foreach wanted in array array[
        'migrator', 'vault', 'vault_migrator', 'reporting_owner', 'pipeline', 'portal', 'api_reader', 'bi_reader'
    ] loop
        if not exists (select 1 from pg_roles where rolname = wanted) then
            begin
                execute format(
                    'create role %I nologin %s', wanted, case wanted when 'vault_migrator' then 'noinherit' else '' end
                );
            exception
                when duplicate_object or unique_violation then null;  -- another database's db roles was first
            end;
        end if;
    end loop;

    if administrator then
        -- Migrations may change the views; and the vault's tables, after `set role vault`. Whoever applies this must be
        -- migrator. What older versions granted directly is taken back: it was inherited.
        for wanted, holder in
            values
            ('vault', 'vault_migrator'), ('vault_migrator', 'migrator'), ('reporting_owner', 'migrator'),
            ('migrator', current_user::text)
        loop
            if not pg_has_role(holder, wanted, case wanted when 'migrator' then 'usage' else 'member' end) then
                execute format('grant %I to %I', wanted, holder);
            end if;
        end loop;
        for wanted, holder in
            select
                granted.rolname,
                holders.rolname
            from pg_auth_members as m
            inner join pg_roles as granted on granted.oid = m.roleid
            inner join pg_roles as holders on holders.oid = m.member
            where
                granted.rolname in ('vault', 'pipeline')
                and holders.rolname in ('migrator', current_user)
                and not m.admin_option
        loop
            execute format('revoke %I from %I', wanted, holder);
        end loop;
        -- A vanished or forgotten session must not keep its locks.
        foreach wanted in array array['vault', 'pipeline', 'portal', 'api_reader', 'bi_reader'] loop
            execute format(
                'alter role %I in database %I set idle_in_transaction_session_timeout = %L',
                wanted, current_database(), '60s'
            );
        end loop;
        foreach wanted in array array['api_reader', 'bi_reader'] loop
            execute format('alter role %I in database %I set statement_timeout = %L', wanted, current_database(), '60s');
            execute format(
                'alter role %I in database %I set default_transaction_read_only = on', wanted, current_database()
            );
        end loop;
    end if;

    if superuser or pg_has_role(current_user, (select datdba from pg_database where datname = current_database()), 'usage') then
        execute format('revoke all on database %I from public', current_database());
        execute format('grant connect, create, temporary on database %I to migrator', current_database());
        execute format('grant connect, temporary on database %I to vault, pipeline, portal', current_database());
        execute format('grant connect on database %I to api_reader, bi_reader', current_database());
        revoke all on schema public from public;
        grant usage, create on schema public to migrator;
    end if;

    if superuser then
        -- PostgreSQL lets everybody put large objects into a database, as many as fit.
        revoke execute on function lo_create(oid), lo_creat(integer), lo_from_bytea(oid, bytea) from public;
        -- And to take any advisory lock: a reader that held one of ours would stop the pipeline. Letting go of one's own
        -- stays everybody's, since drivers do so when they clean a connection.
        for thing in
            select oid::regprocedure
            from pg_proc
            where pronamespace = 'pg_catalog'::regnamespace and proname ~ '^pg_(try_)?advisory_(xact_)?lock'
        loop
            execute format('revoke execute on function %s from public', thing);
            execute format('grant execute on function %s to migrator, vault, pipeline, portal', thing);
        end loop;
    end if;
end
$$;

-- Everything belongs to migrator, the vault to vault; a view belongs to reporting_owner, which may not use the vault: so
-- even a careless view over the vault shows nothing, since a view reads with its owner's rights. Nobody who runs may put
-- anything into reporting: a function there would run with the rights of whoever looks.
do $$
declare
    thing record;
    vault_is_open boolean := (select pg_get_userbyid(nspowner) <> 'vault' from pg_namespace where nspname = 'vault');
begin
    for thing in
        select n.nspname as name
        from pg_namespace as n
        where n.nspname in ('hub', 'capture', 'snapshots', 'reporting', 'ops')
            and pg_get_userbyid(n.nspowner) <> 'migrator'
    loop
        execute format('alter schema %I owner to migrator', thing.name);
    end loop;
    if vault_is_open then
        grant usage, create on schema vault to vault;
    end if;
    revoke create on schema reporting from pipeline;
    grant usage, create on schema hub, capture, snapshots, reporting, ops to reporting_owner;
    grant select on all tables in schema hub, capture, snapshots, reporting, ops to reporting_owner;

    for thing in
        select
            c.oid::regclass as name,
            case
                when n.nspname = 'vault' then 'vault'
                when c.relkind in ('v', 'm') then 'reporting_owner'
                else 'migrator'
            end as owner,
            c.relowner
        from pg_class as c
        inner join pg_namespace as n on n.oid = c.relnamespace
        where
            (
                n.nspname in ('hub', 'vault', 'capture', 'snapshots', 'reporting', 'ops')
                or (n.nspname = 'public' and (c.relname like '\_yoyo%' or c.relname = 'yoyo_lock'))
            )
            and c.relkind in ('r', 'p', 'v', 'm')
    loop
        if pg_get_userbyid(thing.relowner) <> thing.owner then
            execute format('alter table %s owner to %I', thing.name, thing.owner);
        end if;
    end loop;

    for thing in
        select
            p.oid::regprocedure as name,
            case n.nspname when 'vault' then 'vault' else 'migrator' end as owner,
            p.proowner
        from pg_proc as p
        inner join pg_namespace as n on n.oid = p.pronamespace
        where n.nspname in ('hub', 'vault', 'capture', 'snapshots', 'reporting', 'ops')
    loop
        if pg_get_userbyid(thing.proowner) <> thing.owner then
            execute format('alter routine %s owner to %I', thing.name, thing.owner);
        end if;
    end loop;

    -- Last of all: afterwards whoever applies this cannot name what is in it.
    if vault_is_open then
        alter schema vault owner to vault;
    end if;
end
$$;

-- Only a table's owner may give it a partition: this one function acts as migrator, and only for the pipeline.
alter function ops.ensure_partitions(date, date) security definer set search_path = pg_catalog, pg_temp;
revoke execute on function ops.ensure_partitions(date, date) from public;
grant execute on function ops.ensure_partitions(date, date) to pipeline;

-- The vault.
set local role vault;
revoke all on schema vault from public, migrator, reporting_owner, pipeline, portal, api_reader, bi_reader;
revoke all on all tables in schema vault
from public, migrator, reporting_owner, pipeline, portal, api_reader, bi_reader;
reset role;
grant usage on schema hub, ops to vault;
grant select, insert, update on all tables in schema hub to vault;
grant select, insert, update, delete on all tables in schema ops to vault;

-- The pipeline, and what it makes later.
grant usage on schema hub, capture, snapshots, reporting, ops to pipeline;
grant select, insert, update, delete on all tables in schema hub, capture, snapshots, reporting, ops to pipeline;
alter default privileges for role migrator in schema capture, snapshots, reporting
grant select, insert, update, delete on tables to pipeline;

-- The portal.
grant usage on schema hub, capture, snapshots, reporting, ops to portal;
grant select, insert, update, delete on all tables in schema hub, ops to portal;
grant select on all tables in schema capture, snapshots, reporting to portal;
-- Deleting a store shows in the chain of closed days; both tables are only ever added to, and their triggers let a
-- portal add nothing but what a deletion leaves.
grant insert on capture.manifest, capture.deleted_account_day to portal;
alter default privileges for role migrator in schema capture, snapshots, reporting grant select on tables to portal;

-- Whoever starts must see which migrations were applied.
grant usage on schema public to pipeline, portal, vault;
grant select on public._yoyo_migration to pipeline, portal, vault;

-- Readers. Contacts are for the people who reconnect accounts, not for reports.
grant usage on schema hub, snapshots, reporting to api_reader, bi_reader;
grant select on all tables in schema snapshots, reporting to api_reader, bi_reader;
alter default privileges for role migrator in schema snapshots, reporting
grant select on tables to api_reader, bi_reader;
alter default privileges for role reporting_owner in schema reporting
grant select on tables to api_reader, bi_reader, portal, pipeline;
grant select (store_code, store_name, pic_name, created_at) on hub.stores to api_reader, bi_reader;
grant select on hub.store_accounts to api_reader, bi_reader;
grant usage on schema capture to api_reader;
grant select on capture.account_day to api_reader;
