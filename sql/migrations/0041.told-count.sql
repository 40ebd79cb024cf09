-- An incident that grows is told again.
-- depends: 0025.incidents

alter table ops.incident add column told_count bigint not null default 0;

comment on column ops.incident.told_count is 'The greatest count that it was told with.';
