-- Captures on demand: what was asked for and what became of it; and failures that a person has seen to.
-- depends: 0048.data-version

create table ops.sync_job (
    id uuid primary key default gen_random_uuid(),
    module text not null check (module in ('user_info', 'video_list', 'all')),
    store_code text,
    account_ids bigint [] not null check (cardinality(account_ids) > 0),
    day date not null,
    since timestamptz,
    release boolean not null,
    origin text not null check (origin in ('read', 'service', 'operator')),
    asked_by text not null,
    request_id text,
    idempotency_key text,
    cost integer not null,
    asked_at timestamptz not null default ops.now(),
    round integer not null default 1,
    state text not null default 'waiting' check (state in ('waiting', 'running', 'done', 'failed')),
    attempts integer not null default 0,
    run_id text,
    started_at timestamptz,
    finished_at timestamptz,
    error text,
    resolved_at timestamptz,
    resolved_by text,
    check ((state in ('done', 'failed')) = (finished_at is not null)),
    check ((resolved_at is null) = (resolved_by is null))
);

create unique index sync_job_once on ops.sync_job (asked_by, idempotency_key) where idempotency_key is not null;
create index sync_job_asked on ops.sync_job (asked_at desc, id desc);
create index sync_job_open on ops.sync_job (asked_at) where state in ('waiting', 'running');

comment on table ops.sync_job is 'One row per capture on demand: accounts of today, and the run of Dagster that sees to them.';
comment on column ops.sync_job.id is 'Names the job.';
comment on column ops.sync_job.module is 'user_info (profile), video_list (videos) or all.';
comment on column ops.sync_job.store_code is 'The store that was asked for; NULL: single accounts.';
comment on column ops.sync_job.account_ids is 'The accounts: hub.store_accounts.id.';
comment on column ops.sync_job.day is 'The day on which it was asked for, in the reporting time zone: nothing else can be captured.';
comment on column ops.sync_job.since is
'What was captured before this instant is captured afresh and replaces the day''s snapshot; NULL: only what is missing.';
comment on column ops.sync_job.release is 'Whether what failed for good is tried again, too.';
comment on column ops.sync_job.origin is 'read: data that a service read was old; service or operator: asked for.';
comment on column ops.sync_job.asked_by is 'The service, or operator.';
comment on column ops.sync_job.request_id is 'The request that asked for it.';
comment on column ops.sync_job.idempotency_key is 'The caller''s own name for what it asked, so that it is done once.';
comment on column ops.sync_job.cost is 'How many requests to TikTok it takes, by the pages that the accounts had before.';
comment on column ops.sync_job.asked_at is 'When it was asked for first.';
comment on column ops.sync_job.round is 'Goes up when it is asked for again.';
comment on column ops.sync_job.state is 'waiting, running, done or failed: the run broke off. What became of an account is in the ledger.';
comment on column ops.sync_job.attempts is 'How many runs have begun with it.';
comment on column ops.sync_job.run_id is 'The latest run of Dagster.';
comment on column ops.sync_job.started_at is 'When that began.';
comment on column ops.sync_job.finished_at is 'When it ended.';
comment on column ops.sync_job.error is 'Why it failed.';
comment on column ops.sync_job.resolved_at is 'When a person said that nothing more is to be done about it.';
comment on column ops.sync_job.resolved_by is 'Who said so.';

create table ops.resolved_failure (
    account_id bigint not null references hub.store_accounts (id) on delete cascade,
    endpoint text not null,
    day date not null,
    attempts integer not null,
    resolved_by text not null,
    resolved_at timestamptz not null default ops.now(),
    primary key (account_id, endpoint, day)
);

comment on table ops.resolved_failure is
'One row per failed account-day that a person has seen to. The ledger stays as it is; a further attempt that fails is new.';
comment on column ops.resolved_failure.account_id is 'The account: hub.store_accounts.id.';
comment on column ops.resolved_failure.endpoint is 'user_info (profile) or video_list (videos).';
comment on column ops.resolved_failure.day is 'The business day.';
comment on column ops.resolved_failure.attempts is 'How many attempts had failed by then.';
comment on column ops.resolved_failure.resolved_by is 'Who has seen to it.';
comment on column ops.resolved_failure.resolved_at is 'When.';
