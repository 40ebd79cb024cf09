-- The vault: sealed tokens and the list of keys that seal them. No other schema refers to it.
-- depends: 0001.clock-and-hub

create schema vault;

comment on schema vault is 'Sealed tokens. Opened only by the process that calls TikTok.';

create table vault.key (
    key_id bigint primary key check (key_id between 1 and 4294967295),
    check_value bytea not null check (octet_length(check_value) = 8),
    registered_at timestamptz not null default ops.now()
);

comment on table vault.key is 'One row per encryption key ever used here; never the key itself.';
comment on column vault.key.key_id is 'The key''s id, as every sealed token names it.';
comment on column vault.key.registered_at is 'When the key was first used here.';
comment on column vault.key.check_value is 'Tells a wrong key under the right id from a tampered token.';

-- Sealed: "TV", version 1, key id (4 bytes), nonce (12), ciphertext, tag (16). A plaintext token cannot be stored.
create table vault.token (
    account_id bigint primary key references hub.store_accounts (id) on delete cascade,
    access_token bytea not null
    check (octet_length(access_token) between 36 and 8192 and substring(access_token from 1 for 3) = '\x545601'),
    refresh_token bytea not null
    check (octet_length(refresh_token) between 36 and 8192 and substring(refresh_token from 1 for 3) = '\x545601'),
    token_version integer not null check (token_version > 0),
    access_expires_at timestamptz not null,
    refresh_expires_at timestamptz not null,
    saved_at timestamptz not null default ops.now()
);

comment on table vault.token is 'One row per connected account: its sealed token pair.';
comment on column vault.token.account_id is 'The account: hub.store_accounts.id.';
comment on column vault.token.access_token is 'Sealed; opens TikTok''s API for the account.';
comment on column vault.token.refresh_token is 'Sealed; gets the next pair, and dies when it is used.';
comment on column vault.token.access_expires_at is 'When the access token ends, by TikTok''s answer.';
comment on column vault.token.refresh_expires_at is 'When the grant ends, by TikTok''s answer.';
comment on column vault.token.saved_at is 'When this pair was saved.';
comment on column vault.token.token_version is 'Grows with every new pair; part of what the seal is bound to.';
