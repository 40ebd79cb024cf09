-- The clock, and the hub: stores and their TikTok accounts.

create schema ops;
create schema hub;

comment on schema ops is 'How the pipeline itself works: clock, quota, partitions.';
comment on schema hub is 'Stores and their TikTok accounts.';

-- Every "now" of the pipeline is the database's, so that clocks of several machines cannot disagree.
create function ops.now() returns timestamptz
language sql volatile parallel safe
as 'select clock_timestamp()';

-- Which business day an instant belongs to.
create function ops.day_of(at timestamptz, zone text) returns date
language sql immutable parallel safe
as 'select (at at time zone zone)::date';

-- The instant at which a business day begins; 23 or 25 hours before the next one on clock-change days.
create function ops.day_start(day date, zone text) returns timestamptz
language sql immutable parallel safe
as 'select day::timestamp at time zone zone';

-- Which of so many shares a store falls into: statements that work side by side divide the stores.
create function ops.share_of(store_code text, shares integer) returns integer
language sql immutable parallel safe
as 'select mod(hashtext(store_code)::bigint + 2147483648, shares)::integer';

-- Refuses an instant that is not now. Five minutes allow for an answer that waited for a database restart.
create function ops.require_now(what text, at timestamptz) returns void
language plpgsql
as $$
begin
    if abs(extract(epoch from at - ops.now())) > 300 then
        raise exception '%: % is not now; the past cannot be captured', what, at
            using errcode = 'check_violation', constraint = 'happens_now';
    end if;
end
$$;

create table hub.stores (
    store_code varchar(50) primary key check (store_code ~ '^[a-z0-9_-]{1,50}$'),
    store_name varchar(255) not null check (btrim(store_name) <> ''),
    pic_name varchar(255) not null check (btrim(pic_name) <> ''),
    pic_contact varchar(255),
    created_at timestamptz not null default ops.now()
);

comment on table hub.stores is 'One row per store.';
comment on column hub.stores.store_code is 'Lower-case letters, digits, _ and -; the store''s name in every table.';
comment on column hub.stores.store_name is 'The store''s name as people say it.';
comment on column hub.stores.created_at is 'When the store was added.';
comment on column hub.stores.pic_name is 'The person in charge, who connects the TikTok accounts.';
comment on column hub.stores.pic_contact is 'How to reach the person in charge: e-mail or phone.';

create table hub.store_accounts (
    id bigint generated always as identity primary key,
    store_code varchar(50) not null references hub.stores (store_code) on update cascade on delete cascade,
    client_key text not null,
    open_id text not null,
    display_name text,
    avatar_url text,
    token_expires_at timestamptz not null,
    refresh_token_expires_at timestamptz not null,
    scope text not null,
    status text not null default 'CONNECTED'
    check (status in ('CONNECTED', 'NEED_RECONNECT', 'ERROR', 'DISABLED')),
    status_reason text,
    status_changed_at timestamptz not null default ops.now(),
    last_sync_at timestamptz,
    connected_at timestamptz not null default ops.now(),
    updated_at timestamptz not null default ops.now(),
    unique (store_code, open_id)
);

comment on table hub.store_accounts is 'One row per TikTok account of a store.';
comment on column hub.store_accounts.id is 'The account''s number here; capture and vault refer to it.';
comment on column hub.store_accounts.store_code is 'The store that the account belongs to.';
comment on column hub.store_accounts.display_name is 'The name shown on TikTok, as of the last capture.';
comment on column hub.store_accounts.avatar_url is 'Address of the picture; TikTok lets it expire in about 48 hours.';
comment on column hub.store_accounts.status is 'CONNECTED, NEED_RECONNECT, ERROR or DISABLED.';
comment on column hub.store_accounts.status_changed_at is 'When the status became what it is.';
comment on column hub.store_accounts.connected_at is 'When the account was connected for the first time.';
comment on column hub.store_accounts.updated_at is 'When anything of this row changed last.';
comment on column hub.store_accounts.client_key is 'The TikTok app that the account granted access to.';
comment on column hub.store_accounts.open_id is 'TikTok''s id of the account, unique per app and account.';
comment on column hub.store_accounts.scope is 'What the account granted, comma-separated.';
comment on column hub.store_accounts.token_expires_at is 'When the access token ends; it is renewed when needed.';
comment on column hub.store_accounts.refresh_token_expires_at is 'When the grant ends and a person must reconnect.';
comment on column hub.store_accounts.status_reason is 'Why the status is not CONNECTED, in words.';
comment on column hub.store_accounts.last_sync_at is 'When a capture of this account was last completed.';
