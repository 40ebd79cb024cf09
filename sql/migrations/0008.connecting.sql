-- Connecting: the links that stores get, and the OAuth transactions that they or an operator start.
-- depends: 0005.quota

create table ops.connect_link (
    id bigint generated always as identity primary key,
    link_hash bytea not null unique check (octet_length(link_hash) = 32),
    store_code varchar(50) not null references hub.stores (store_code) on update cascade on delete cascade,
    account_id bigint references hub.store_accounts (id) on delete cascade,
    made_by text not null,
    created_at timestamptz not null default ops.now(),
    expires_at timestamptz not null,
    used_at timestamptz,
    browser_hash bytea check (octet_length(browser_hash) = 32),
    finished_at timestamptz,
    check ((used_at is null) = (browser_hash is null))
);

create index connect_link_store on ops.connect_link (store_code);
create index connect_link_account on ops.connect_link (account_id);
create index connect_link_expires_at on ops.connect_link (expires_at);

comment on table ops.connect_link is 'One row per link with which a store can connect an account; never its text.';
comment on column ops.connect_link.id is 'The link''s number.';
comment on column ops.connect_link.link_hash is 'SHA-256 of the link''s random part, which only its holder has.';
comment on column ops.connect_link.store_code is 'The store that it connects an account to.';
comment on column ops.connect_link.account_id is 'The only account it may reconnect; null: any account, also a new one.';
comment on column ops.connect_link.made_by is 'Who made it: operator, sensor, cli.';
comment on column ops.connect_link.created_at is 'When it was made.';
comment on column ops.connect_link.expires_at is 'From when on it is good for nothing.';
comment on column ops.connect_link.used_at is 'When its button was pressed first; from then on it is good in one browser only.';
comment on column ops.connect_link.browser_hash is 'SHA-256 of the cookie of that browser.';
comment on column ops.connect_link.finished_at is 'When it had connected an account with all that is needed; it is spent.';

-- A sealed verifier begins as every sealed token does. A plaintext one cannot be stored.
create table ops.oauth_transaction (
    id bigint generated always as identity primary key,
    state_hash bytea not null unique check (octet_length(state_hash) = 32),
    binding_hash bytea not null unique check (octet_length(binding_hash) = 32),
    store_code varchar(50) not null references hub.stores (store_code) on update cascade on delete cascade,
    account_id bigint references hub.store_accounts (id) on delete cascade,
    actor text not null,
    link_id bigint references ops.connect_link (id) on delete set null,
    client_key text not null,
    redirect_uri text not null,
    scopes text not null,
    code_verifier bytea check (substring(code_verifier from 1 for 3) = '\x545601'),
    created_at timestamptz not null default ops.now(),
    expires_at timestamptz not null,
    consumed_at timestamptz,
    outcome text check (
        outcome in (
            'connected', 'reduced', 'declined', 'wrong_account', 'conflict', 'failed', 'restarted', 'orphaned'
        )
    ),
    finished_at timestamptz,
    met_account_id bigint references hub.store_accounts (id) on delete set null,
    check (consumed_at is not null or outcome is null),
    check ((outcome is null) = (finished_at is null))
);

create index oauth_transaction_store on ops.oauth_transaction (store_code);
create index oauth_transaction_account on ops.oauth_transaction (account_id);
create index oauth_transaction_met_account on ops.oauth_transaction (met_account_id);
create index oauth_transaction_link on ops.oauth_transaction (link_id);
create index oauth_transaction_expires_at on ops.oauth_transaction (expires_at);
create index oauth_transaction_open on ops.oauth_transaction (consumed_at)
where consumed_at is not null and outcome is null;

comment on table ops.oauth_transaction is
'One row per visit to TikTok that was started to connect an account; forgotten a day after its end.';
comment on column ops.oauth_transaction.id is 'The transaction''s number; its sealed verifier is bound to it.';
comment on column ops.oauth_transaction.state_hash is 'SHA-256 of the state that TikTok gives back.';
comment on column ops.oauth_transaction.binding_hash is 'SHA-256 of the cookie of the browser that started it.';
comment on column ops.oauth_transaction.store_code is 'The store that gets the account.';
comment on column ops.oauth_transaction.account_id is 'The only account it may reconnect; null: any.';
comment on column ops.oauth_transaction.actor is 'Who started it: link, or the operator''s session.';
comment on column ops.oauth_transaction.link_id is 'The link that started it, if one did.';
comment on column ops.oauth_transaction.client_key is 'The TikTok app that was asked.';
comment on column ops.oauth_transaction.redirect_uri is 'Where TikTok sends the browser back to; the code is bound to it.';
comment on column ops.oauth_transaction.scopes is 'What was asked for, comma-separated.';
comment on column ops.oauth_transaction.code_verifier is 'Sealed PKCE verifier; null without PKCE and after the end.';
comment on column ops.oauth_transaction.created_at is 'When it was started.';
comment on column ops.oauth_transaction.expires_at is 'From when on its state is refused.';
comment on column ops.oauth_transaction.consumed_at is 'When its state came back; it is refused from then on.';
comment on column ops.oauth_transaction.outcome is
'What became of it. Orphaned: the process died after the code was spent, so TikTok holds a grant that we lost.';
comment on column ops.oauth_transaction.finished_at is 'When the outcome was known.';
comment on column ops.oauth_transaction.met_account_id is
'The account that was connected; after a conflict, the one that is connected to another store.';
