-- Stores that were deleted: who did it, and of every sealed account-day its hashes, so that the chain can still be
-- verified and the deletion shows in it.
-- depends: 0013.manifest

create table ops.deletion_log (
    id bigint generated always as identity primary key,
    store_code varchar(50) not null,
    store_name varchar(255) not null,
    account_ids bigint[] not null,
    actor text not null,
    at timestamptz not null default ops.now(),
    database_user text not null default session_user,
    os_user text not null,
    host text not null
);

comment on table ops.deletion_log is 'One row per store that was deleted. Only ever added to.';
comment on column ops.deletion_log.id is 'In order of time.';
comment on column ops.deletion_log.store_code is 'The store''s code; another store may have it now.';
comment on column ops.deletion_log.store_name is 'What people called the store.';
comment on column ops.deletion_log.account_ids is 'The numbers of its accounts; no number is given twice.';
comment on column ops.deletion_log.actor is 'What it was asked by: the word cli, or the operator''s session.';
comment on column ops.deletion_log.at is 'When.';
comment on column ops.deletion_log.database_user is 'Who, by the database.';
comment on column ops.deletion_log.os_user is 'Who, by the machine on which it was done.';
comment on column ops.deletion_log.host is 'The machine on which it was done.';

create table capture.deleted_account_day (
    endpoint text not null,
    day date not null,
    account_id bigint not null,
    deletion_id bigint not null references ops.deletion_log (id),
    state text not null check (state in ('captured', 'imported', 'gap')),
    planned_at timestamptz not null,
    finished_at timestamptz,
    items integer not null,
    hash bytea not null check (octet_length(hash) = 32),
    pages integer not null,
    page_hashes bytea not null check (octet_length(page_hashes) = 32 * pages),
    imported_rows integer not null,
    imported_hashes bytea not null check (
        octet_length(imported_hashes) = 32 * (imported_rows + case state when 'imported' then 1 else 0 end)
    ),
    primary key (endpoint, day, account_id)
);

create index deleted_account_day_by_deletion on capture.deleted_account_day (deletion_id, day);
create index deleted_account_day_by_day on capture.deleted_account_day (day);

comment on table capture.deleted_account_day is
'One row per sealed account-day of a store that was deleted: what of it the chain of closed days needs.';
comment on column capture.deleted_account_day.endpoint is 'user_info or video_list.';
comment on column capture.deleted_account_day.day is 'The business day in the reporting time zone.';
comment on column capture.deleted_account_day.account_id is 'The number of the account, which is gone.';
comment on column capture.deleted_account_day.deletion_id is 'Who deleted it, and when: ops.deletion_log.id.';
comment on column capture.deleted_account_day.state is 'captured, imported or gap.';
comment on column capture.deleted_account_day.planned_at is 'When it was planned, or written as a gap or an import.';
comment on column capture.deleted_account_day.finished_at is 'When it came to its state.';
comment on column capture.deleted_account_day.items is 'Videos (or profiles) in the pages of its capture.';
comment on column capture.deleted_account_day.hash is 'SHA-256 of its row in the ledger.';
comment on column capture.deleted_account_day.pages is 'How many pages it had here; 0 when they had left for an archive.';
comment on column capture.deleted_account_day.page_hashes is 'Their SHA-256, 32 bytes each, in order.';
comment on column capture.deleted_account_day.imported_rows is 'How many imported rows it had.';
comment on column capture.deleted_account_day.imported_hashes is
'SHA-256, 32 bytes each: of itself, if it was imported, then of its imported rows in order.';

create trigger only_added_to before update or delete or truncate on ops.deletion_log
for each statement execute function ops.only_added_to();

create trigger only_added_to before update or delete or truncate on capture.deleted_account_day
for each statement execute function ops.only_added_to();

alter table capture.manifest drop constraint manifest_reason_check;
alter table capture.manifest
add constraint manifest_reason_check check (reason in ('closed', 'import', 'gap', 'deleted')),
add column deleted bigint not null default 0,
add column deleted_hash text not null default '';

comment on column capture.manifest.reason is
'closed: the day was over; import: history was imported into it later; gap: an account-day without data was added; '
'deleted: a store was deleted, and of its account-days the hashes are left.';
comment on column capture.manifest.deleted is 'Of the account-days, those of stores that were deleted since.';
comment on column capture.manifest.deleted_hash is 'SHA-256 of what is left of those; empty: none.';

comment on column ops.outbox.body is
'The text; it may hold a connect link, which is good for its recipient only. Empty some time after the link has expired.';
