-- The portal: attempts that are limited, and who is logged in.
-- depends: 0005.quota

create table ops.attempt (
    bucket text primary key check (length(bucket) <= 200),
    attempted_at timestamptz[] not null,
    forget_at timestamptz not null
);

create index attempt_forget_at on ops.attempt (forget_at);

comment on table ops.attempt is 'One row per thing that may be tried so many times in so many seconds, e.g. logins.';
comment on column ops.attempt.bucket is 'What is tried, and by whom.';
comment on column ops.attempt.attempted_at is 'The allowed attempts of the latest period, oldest first.';
comment on column ops.attempt.forget_at is 'When the row means nothing any more.';

create table ops.operator_session (
    session_hash bytea primary key check (octet_length(session_hash) = 32),
    started_at timestamptz not null default ops.now(),
    ends_at timestamptz not null
);

comment on table ops.operator_session is 'One row per login of an operator that was not logged out.';
comment on column ops.operator_session.session_hash is 'SHA-256 of the session''s id, which only the browser has.';
comment on column ops.operator_session.started_at is 'When the operator logged in.';
comment on column ops.operator_session.ends_at is 'When the login ends by itself.';
