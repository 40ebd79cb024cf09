-- Incidents: what is wrong now and may end, told once, with reminders. And the daemon's heartbeat.
-- depends: 0009.flags 0024.quality

create table ops.incident (
    id bigint generated always as identity primary key,
    kind text not null,
    cause text not null,
    severity text not null check (severity in ('info', 'warning', 'error')),
    subject text not null,
    body text not null,
    count bigint not null check (count >= 0),
    examples jsonb not null default '[]' check (jsonb_typeof(examples) = 'array'),
    settle interval not null,
    away interval not null,
    told_elsewhere boolean not null default false,
    seen integer not null default 1,
    first_seen_at timestamptz not null default ops.now(),
    last_seen_at timestamptz not null default ops.now(),
    missing_since timestamptz,
    told integer not null default 0,
    told_severity text check (told_severity in ('info', 'warning', 'error')),
    told_at timestamptz,
    next_reminder_at timestamptz,
    resolved_at timestamptz,
    check ((told = 0) = (told_at is null)),
    check ((told_at is null) = (told_severity is null))
);

create unique index incident_open on ops.incident (kind, cause) where resolved_at is null;
create index incident_resolved on ops.incident (resolved_at) where resolved_at is not null;

comment on table ops.incident is 'One row per time that something was wrong: from when it was first seen until it is over.';
comment on column ops.incident.id is 'In the order of being seen.';
comment on column ops.incident.kind is 'The condition that found it: its file in sql/conditions.';
comment on column ops.incident.cause is 'What sets it apart from others of its kind; one is open at a time.';
comment on column ops.incident.severity is 'How bad it is now: info, warning or error.';
comment on column ops.incident.subject is 'What is wrong now, in one line.';
comment on column ops.incident.body is 'What it means and what to do.';
comment on column ops.incident.count is 'How many accounts, days, ticks … it is about now.';
comment on column ops.incident.examples is 'At most five of them, in words.';
comment on column ops.incident.settle is 'For how long it must be there, and seen twice, before it is told; 0: told at once.';
comment on column ops.incident.away is 'For how long it must be away before it is over.';
comment on column ops.incident.told_elsewhere is 'Messages of another kind tell that it began and ended; here are its reminders.';
comment on column ops.incident.seen is 'How often it was seen.';
comment on column ops.incident.first_seen_at is 'When it was first seen.';
comment on column ops.incident.last_seen_at is 'When it was last seen.';
comment on column ops.incident.missing_since is 'Since when it has not been seen; NULL: it is there.';
comment on column ops.incident.told is 'How often it was told, reminders among them.';
comment on column ops.incident.told_severity is 'The worst severity that it was told with.';
comment on column ops.incident.told_at is 'When it was told last.';
comment on column ops.incident.next_reminder_at is 'When it is told again if it is there still.';
comment on column ops.incident.resolved_at is 'When it was over; NULL: it is open.';

create table ops.heartbeat (
    daemon text primary key,
    first_at timestamptz not null default ops.now(),
    last_at timestamptz not null default ops.now()
);

comment on table ops.heartbeat is 'One row per Dagster daemon that was at work within a month: its heartbeat.';
comment on column ops.heartbeat.daemon is 'Dagster''s id of the daemon; each start has a new one.';
comment on column ops.heartbeat.first_at is 'Its first good tick of the sensor incidents.';
comment on column ops.heartbeat.last_at is 'Its latest one.';
