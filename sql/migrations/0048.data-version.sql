-- Whoever keeps answers learns that tables were derived anew.
-- depends: 0041.told-count

create table ops.data_version (
    only_one boolean primary key default true check (only_one),
    version bigint not null default 1,
    changed_at timestamptz not null default ops.now()
);

insert into ops.data_version default values;

comment on table ops.data_version is 'One row: how often a snapshot or report has changed.';
comment on column ops.data_version.only_one is 'There is one row.';
comment on column ops.data_version.version is 'Goes up with each change; what was read before it is no longer kept as current.';
comment on column ops.data_version.changed_at is 'When it went up last.';

-- The notification goes out with the commit, and nothing that was read before it can be taken for later.
create function ops.data_changed() returns bigint
language plpgsql
as $$
declare
    now_at bigint;
begin
    update ops.data_version
    set
        version = version + 1,
        changed_at = ops.now()
    returning version into now_at;
    perform pg_notify('data_changed', now_at::text);
    return now_at;
end
$$;

comment on function ops.data_changed() is 'Tells who keeps answers that a snapshot or report has changed; the new version.';
