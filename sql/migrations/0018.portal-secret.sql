-- Which secret signs links and sessions, so that a machine with another one makes none that open nothing.
-- depends: 0010.portal

create table ops.portal_secret (
    only_one boolean primary key default true check (only_one),
    check_value bytea not null check (octet_length(check_value) = 8),
    registered_at timestamptz not null default ops.now()
);

comment on table ops.portal_secret is 'One row once the portal has a secret; none before.';
comment on column ops.portal_secret.only_one is 'Always true: there is one secret.';
comment on column ops.portal_secret.check_value is 'Tells the secret from another and nothing about it.';
comment on column ops.portal_secret.registered_at is 'When the secret was first used, or put in place of another.';
