-- The manifest of closed days, a chain of hashes, and the log of months that left for an archive.
-- depends: 0005.quota

create table capture.manifest (
    position bigint primary key check (position > 0),
    day date not null,
    revision integer not null check (revision > 0),
    reason text not null check (reason in ('closed', 'import', 'gap')),
    account_days bigint not null,
    captured bigint not null,
    imported bigint not null,
    gaps bigint not null,
    items bigint not null,
    pages bigint not null,
    imported_rows bigint not null,
    captured_hash text not null,
    gaps_hash text not null,
    pages_hash text not null,
    imported_hash text not null,
    head text not null unique,
    written_at timestamptz not null,
    run_id text,
    unique (day, revision)
);

comment on table capture.manifest is
'The chain of closed days: one row per day, and one more for each honest change to it. Only ever added to.';
comment on column capture.manifest.position is 'Where in the chain this entry is, from 1.';
comment on column capture.manifest.day is 'The business day in the reporting time zone.';
comment on column capture.manifest.revision is 'Which entry of this day this is, from 1.';
comment on column capture.manifest.reason is
'closed: the day was over; import: history was imported into it later; gap: an account-day without data was added.';
comment on column capture.manifest.account_days is 'Account-days with a final state; not those before a connection.';
comment on column capture.manifest.captured is 'Of these, captured.';
comment on column capture.manifest.imported is 'Of these, imported.';
comment on column capture.manifest.gaps is 'Of these, gaps.';
comment on column capture.manifest.items is 'Videos and profiles in the last captures, by the ledger.';
comment on column capture.manifest.pages is 'Pages, those of captures that were not chosen included.';
comment on column capture.manifest.imported_rows is 'Imported profiles and videos.';
comment on column capture.manifest.captured_hash is 'SHA-256 of the captured account-days in the ledger; empty: none.';
comment on column capture.manifest.gaps_hash is 'SHA-256 of the gaps in the ledger; empty: none.';
comment on column capture.manifest.pages_hash is 'SHA-256 of the pages; empty: none.';
comment on column capture.manifest.imported_hash is 'SHA-256 of the imported account-days and rows; empty: none.';
comment on column capture.manifest.head is 'SHA-256 of the head before, this day, its counts and its hashes.';
comment on column capture.manifest.written_at is 'When this entry was made; what was imported later is a new entry.';
comment on column capture.manifest.run_id is 'The Dagster run that wrote it.';

create table ops.archive_log (
    id bigint generated always as identity primary key,
    month date not null check (month = date_trunc('month', month)::date),
    event text not null check (event in ('written', 'drop confirmed', 'dropped')),
    url text not null,
    rows bigint not null,
    digest text not null,
    at timestamptz not null default ops.now(),
    database_user text not null default session_user,
    os_user text not null,
    host text not null
);

comment on table ops.archive_log is 'One row per step with which a month of pages left the database. Only ever added to.';
comment on column ops.archive_log.id is 'In order of time.';
comment on column ops.archive_log.month is 'The first day of the month.';
comment on column ops.archive_log.event is 'written: archived and read back; drop confirmed: a person said so; dropped: gone here.';
comment on column ops.archive_log.url is 'The folder that holds the month''s files.';
comment on column ops.archive_log.rows is 'Pages in it.';
comment on column ops.archive_log.digest is 'SHA-256 of the archive''s manifest.json, which holds the hashes of the files.';
comment on column ops.archive_log.at is 'When.';
comment on column ops.archive_log.database_user is 'Who, by the database.';
comment on column ops.archive_log.os_user is 'Who, by the machine on which the command ran.';
comment on column ops.archive_log.host is 'The machine on which the command ran.';

create function ops.only_added_to() returns trigger
language plpgsql
as $$
begin
    raise exception '%.%: rows are only added, never changed or removed', tg_table_schema, tg_table_name
        using errcode = 'check_violation', constraint = 'only_added_to';
end
$$;

create trigger only_added_to before update or delete or truncate on capture.manifest
for each statement execute function ops.only_added_to();

create trigger only_added_to before update or delete or truncate on ops.archive_log
for each statement execute function ops.only_added_to();
