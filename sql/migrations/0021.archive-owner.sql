-- Which database an archive belongs to, so that two with the same address do not write over one another.
-- depends: 0013.manifest

create table ops.archive_owner (
    only_one boolean primary key default true check (only_one),
    id uuid not null default gen_random_uuid()
);

comment on table ops.archive_owner is 'One row: the number by which archives know this database.';
comment on column ops.archive_owner.only_one is 'Always true: there is one number.';
comment on column ops.archive_owner.id is 'Stands in the manifest.json of every month that this database archived.';

insert into ops.archive_owner default values;

create trigger only_added_to before update or delete or truncate on ops.archive_owner
for each statement execute function ops.only_added_to();
