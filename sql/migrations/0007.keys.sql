-- The states of the keys, where their ring files are, and which key every stored token names.
-- depends: 0005.quota

-- Until now the ring file said which key seals. Its word counts once more, at the first start after this.
alter table vault.key
add column state text not null default 'decrypt_only'
check (state in ('staged', 'primary', 'decrypt_only', 'retired')),
add column state_since timestamptz not null default ops.now(),
add column cleared_at timestamptz;

update vault.key set state_since = registered_at;

create unique index one_primary_key on vault.key (state) where state = 'primary';

comment on column vault.key.state is
'staged: every machine gets it. primary: seals. decrypt_only: opens what it sealed. retired: opens nothing any more.';
comment on column vault.key.state_since is 'When the key came into its state.';
comment on column vault.key.cleared_at is
'When a rotation found, twice, that nothing was sealed with it any more; it may be retired since.';

create function vault.key_of(sealed bytea)
returns bigint
language sql
immutable
parallel safe
return ('x' || encode(substring(sealed from 4 for 4), 'hex'))::bit(32)::bigint;

comment on function vault.key_of(bytea) is 'The id of the key that a sealed token names.';

-- What names a key that nobody has announced cannot be stored.
alter table vault.token
add column access_key_id bigint generated always as (vault.key_of(access_token)) stored
references vault.key (key_id),
add column refresh_key_id bigint generated always as (vault.key_of(refresh_token)) stored
references vault.key (key_id);

comment on column vault.token.access_key_id is 'The key that the access token is sealed with.';
comment on column vault.token.refresh_key_id is 'The key that the refresh token is sealed with.';

create table vault.ring_file (
    machine text not null,
    path text not null,
    key_ids bigint[] not null,
    seen_at timestamptz not null default ops.now(),
    primary key (machine, path)
);

comment on table vault.ring_file is 'One row per key ring file: a key seals only when all that are in use hold it.';
comment on column vault.ring_file.machine is 'The host name.';
comment on column vault.ring_file.path is 'Where the file is there.';
comment on column vault.ring_file.key_ids is 'The keys that it held when it was last read.';
comment on column vault.ring_file.seen_at is 'When a process last looked at it.';
