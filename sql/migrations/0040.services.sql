-- Calling services: who may ask the API, for what, with which secret.
-- depends: 0010.portal

create table ops.service (
    name text primary key check (name ~ '^[a-z0-9_-]{1,50}$'),
    secret_hash bytea not null check (octet_length(secret_hash) = 32),
    previous_secret_hash bytea check (octet_length(previous_secret_hash) = 32),
    previous_until timestamptz,
    scopes text [] not null check (scopes <@ array['read', 'sync', 'admin'] and cardinality(scopes) > 0),
    stores text [] check (cardinality(stores) > 0),
    added_at timestamptz not null default ops.now(),
    rotated_at timestamptz,
    revoked_at timestamptz,
    last_token_at timestamptz,
    check ((previous_secret_hash is null) = (previous_until is null))
);

comment on table ops.service is 'One row per service that may ask the API for tokens, revoked ones among them.';
comment on column ops.service.name is 'Its name, which is its client_id.';
comment on column ops.service.secret_hash is 'SHA-256 of its secret, which only the service has.';
comment on column ops.service.previous_secret_hash is 'SHA-256 of the secret before, which is good until previous_until.';
comment on column ops.service.previous_until is 'Until when the secret before is good; NULL: there is none.';
comment on column ops.service.scopes is 'What it may do: read, sync, admin.';
comment on column ops.service.stores is 'The codes of the stores that it may see; NULL: all.';
comment on column ops.service.added_at is 'When it was added.';
comment on column ops.service.rotated_at is 'When its secret was replaced last.';
comment on column ops.service.revoked_at is 'When it was revoked; it gets no tokens since.';
comment on column ops.service.last_token_at is 'When it got its latest token.';
