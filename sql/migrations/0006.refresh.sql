-- Refreshing: who is asking TikTok for an account's next token pair, and what became of it.
-- depends: 0005.quota

alter table vault.token
add column refresh_state text not null default 'idle'
check (refresh_state in ('idle', 'in_flight', 'uncertain')),
add column attempt_id uuid,
add column attempt_at timestamptz,
add column lease_until timestamptz,
add column unknown_since timestamptz,
add column fail_class text check (fail_class in ('temporary', 'ours', 'refused')),
add column fail_code text,
add column fail_count integer not null default 0 check (fail_count >= 0),
add column next_attempt_at timestamptz,
add column refused_at timestamptz,
add constraint attempt_has_a_lease
check (refresh_state <> 'in_flight' or (attempt_id is not null and attempt_at is not null and lease_until is not null));

-- Few rows at any time: how many refreshes are under way is counted before each one.
create index token_in_flight on vault.token (lease_until) where refresh_state = 'in_flight';

comment on column vault.token.refresh_state is
'idle, in_flight (a process asks TikTok now), uncertain (it asked and never learned what TikTok did).';
comment on column vault.token.attempt_id is 'The refresh under way; only it may say that it failed.';
comment on column vault.token.attempt_at is 'When the latest refresh began.';
comment on column vault.token.lease_until is 'Until then nobody else tries; afterwards the refresh counts as cut off.';
comment on column vault.token.unknown_since is
'When the refresh began whose outcome is not known; NULL: there is none.';
comment on column vault.token.fail_class is
'What the latest failure was: temporary, ours (app or secret refused), refused (this grant has ended).';
comment on column vault.token.fail_code is 'The error code of the latest failure.';
comment on column vault.token.fail_count is 'Failures since the pair was saved.';
comment on column vault.token.next_attempt_at is 'No refresh before then; NULL: at any time.';
comment on column vault.token.refused_at is
'When TikTok refused this pair for good; it is not sent again. A new pair clears it.';

create table vault.refresh_stop (
    client_key text primary key,
    stopped_at timestamptz not null default ops.now(),
    stopped_until timestamptz not null,
    refusals integer not null default 1 check (refusals > 0)
);

comment on table vault.refresh_stop is
'One row per TikTok app whose key or secret TikTok refuses: its refreshes are stopped.';
comment on column vault.refresh_stop.client_key is 'The TikTok app.';
comment on column vault.refresh_stop.stopped_at is 'When TikTok refused the app first.';
comment on column vault.refresh_stop.stopped_until is 'Afterwards one refresh at a time is tried; a success ends the stop.';
comment on column vault.refresh_stop.refusals is 'Refusals so far, one per try; the stop grows with them.';
