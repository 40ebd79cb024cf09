-- Whom incidents were told of: one that hits others is told again. And which messages nobody was told.
-- depends: 0014.delivery 0041.told-count

alter table ops.incident
add column members jsonb not null default '[]',
add column told_members jsonb not null default '[]';

alter table ops.outbox add column given_up_at timestamptz;

comment on column ops.incident.members is 'Whom it hits now, if its condition says so.';
comment on column ops.incident.told_members is 'Whom it was ever told of.';
comment on column ops.outbox.given_up_at is 'When the last of its channels was given up, and none had taken it; it stays unsent.';
