-- What checks found, date by date, and account-days that reports leave out.
-- depends: 0012.ledger 0015.completeness

-- Dagster loses the date of a check in a run over a range of dates, and shows only the latest evaluation. This table
-- holds the latest verdict of every check on every day; reports and alerts read it.
create table reporting.quality_results (
    table_name text not null,
    check_name text not null,
    day date not null,
    passed boolean not null,
    severity text not null check (severity in ('info', 'warning', 'error')),
    checked bigint check (checked >= 0),
    failing bigint check (failing >= 0),
    message text not null default '',
    examples jsonb not null default '[]' check (jsonb_typeof(examples) = 'array'),
    failing_since timestamptz,
    evaluated_at timestamptz not null default ops.now(),
    run_id text,
    primary key (day, table_name, check_name),
    check (passed = (failing_since is null))
);

create index quality_results_failing on reporting.quality_results (table_name, check_name, day) where not passed;

comment on table reporting.quality_results is 'One row per check and day: its latest verdict on that day.';
comment on column reporting.quality_results.table_name is 'The table that was checked, e.g. snapshots.tiktok_video_daily.';
comment on column reporting.quality_results.check_name is 'The check, as in the Dagster UI.';
comment on column reporting.quality_results.day is
'The business day that the verdict is on; of a check that is not about a day, the day on which it was made.';
comment on column reporting.quality_results.passed is 'Whether nothing was found.';
comment on column reporting.quality_results.severity is 'How bad it is when it fails: info, warning or error.';
comment on column reporting.quality_results.checked is 'How many rows, accounts or videos were looked at; NULL: not counted.';
comment on column reporting.quality_results.failing is 'How many of them failed; NULL: not counted.';
comment on column reporting.quality_results.message is 'What was found, in words; empty when nothing was.';
comment on column reporting.quality_results.examples is 'A few of what failed.';
comment on column reporting.quality_results.failing_since is 'When this verdict was first a failure, in a row; NULL when it passed.';
comment on column reporting.quality_results.evaluated_at is 'When it was evaluated last.';
comment on column reporting.quality_results.run_id is 'The Dagster run that evaluated it.';

create table snapshots.quarantine (
    id bigint generated always as identity primary key,
    account_id bigint not null references hub.store_accounts (id) on delete cascade,
    endpoint text not null check (endpoint in ('user_info', 'video_list')),
    day date not null,
    check_name text not null,
    reason text not null,
    since timestamptz not null default ops.now(),
    released_at timestamptz,
    released_by text,
    release_note text,
    check ((released_at is null) = (released_by is null))
);

-- One in force at a time for each cause; a released one stays as history.
create unique index quarantine_in_force on snapshots.quarantine (account_id, endpoint, day, check_name)
where released_at is null;
create index quarantine_by_day on snapshots.quarantine (day, endpoint, account_id) where released_at is null;

comment on table snapshots.quarantine is
'One row per account-day and check for which reports leave it out, or left it out until it was released.';
comment on column snapshots.quarantine.id is 'In the order of writing.';
comment on column snapshots.quarantine.account_id is 'The account: hub.store_accounts.id.';
comment on column snapshots.quarantine.endpoint is 'user_info (profile) or video_list (videos).';
comment on column snapshots.quarantine.day is 'The business day in the reporting time zone.';
comment on column snapshots.quarantine.check_name is 'The check that found it.';
comment on column snapshots.quarantine.reason is 'What was found, in words.';
comment on column snapshots.quarantine.since is 'From when on reports leave the account-day out.';
comment on column snapshots.quarantine.released_at is 'When it was released; NULL: it is in force.';
comment on column snapshots.quarantine.released_by is 'Who released it: a check that passed afterwards, or a person.';
comment on column snapshots.quarantine.release_note is 'Why, in the words of the person who released it.';
