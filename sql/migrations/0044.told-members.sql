-- An incident that hits others than those it was told of is told again, however many they are.
-- depends: 0041.told-count

alter table ops.incident
add column members jsonb not null default '[]',
add column told_members jsonb not null default '[]';

comment on column ops.incident.members is 'Whom it hits now, if its condition says so.';
comment on column ops.incident.told_members is 'Whom it was ever told of.';
