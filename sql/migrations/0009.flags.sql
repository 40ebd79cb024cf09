-- What happens when an account needs a person: its changes of status, the messages that tell people, TikTok's webhooks.
-- depends: 0002.vault 0005.quota

create table hub.status_change (
    id bigint generated always as identity primary key,
    account_id bigint not null references hub.store_accounts (id) on delete cascade,
    from_status text,
    to_status text not null,
    reason text,
    changed_at timestamptz not null default ops.now(),
    handled_at timestamptz
);

create index status_change_by_account on hub.status_change (account_id, id);
create index status_change_unhandled on hub.status_change (id) where handled_at is null;

comment on table hub.status_change is 'One row per change of an account''s status, written by a trigger.';
comment on column hub.status_change.id is 'Grows with time; within one account it is the order of the changes.';
comment on column hub.status_change.account_id is 'The account: hub.store_accounts.id.';
comment on column hub.status_change.from_status is 'What the status was; NULL for an account that is new.';
comment on column hub.status_change.to_status is 'What the status became.';
comment on column hub.status_change.reason is 'The account''s status_reason then, in words.';
comment on column hub.status_change.changed_at is 'When it changed.';
comment on column hub.status_change.handled_at is 'When people were told, or it was found that nobody needs to be.';

create function hub.note_status_change() returns trigger
language plpgsql
as $$
begin
    insert into hub.status_change (account_id, from_status, to_status, reason)
    values (new.id, case when tg_op = 'UPDATE' then old.status end, new.status, new.status_reason);
    return null;
end
$$;

create trigger note_first_status after insert on hub.store_accounts
for each row execute function hub.note_status_change();

create trigger note_status_change after update of status on hub.store_accounts
for each row when (old.status is distinct from new.status) execute function hub.note_status_change();

create table ops.outbox (
    id bigint generated always as identity primary key,
    key text not null unique,
    kind text not null,
    severity text not null check (severity in ('info', 'warning', 'error')),
    recipient text not null,
    store_code varchar(50) references hub.stores (store_code) on update cascade on delete cascade,
    account_id bigint references hub.store_accounts (id) on delete cascade,
    subject text not null,
    body text not null,
    details jsonb not null default '{}',
    created_at timestamptz not null default ops.now(),
    sent_at timestamptz,
    attempts integer not null default 0
);

create index outbox_by_account on ops.outbox (account_id, kind);
create index outbox_by_store on ops.outbox (store_code);
create index outbox_unsent on ops.outbox (id) where sent_at is null;

comment on table ops.outbox is 'One row per message to a person: written with its cause, sent afterwards.';
comment on column ops.outbox.id is 'The message''s number, in the order of writing.';
comment on column ops.outbox.key is 'What the message is about: the same thing is said once.';
comment on column ops.outbox.kind is 'What kind of message: reconnect, reconnected, grant_end …';
comment on column ops.outbox.severity is 'info, warning or error.';
comment on column ops.outbox.recipient is 'The word operators, or the contact of a store.';
comment on column ops.outbox.store_code is 'The store it is about, if any.';
comment on column ops.outbox.account_id is 'The account it is about, if any: hub.store_accounts.id.';
comment on column ops.outbox.subject is 'One line.';
comment on column ops.outbox.body is 'The text; it may hold a connect link, which is good for its recipient only.';
comment on column ops.outbox.details is 'The facts of the message, for programs.';
comment on column ops.outbox.created_at is 'When it was written.';
comment on column ops.outbox.sent_at is 'When it was sent; NULL while it waits.';
comment on column ops.outbox.attempts is 'How often sending it was tried.';

create table ops.webhook_event (
    event_key text primary key,
    event text not null,
    open_id text,
    client_key text,
    reason text,
    created_at timestamptz,
    received_at timestamptz not null default ops.now(),
    effect text not null
);

comment on table ops.webhook_event is 'One row per event that TikTok sent us with a good signature.';
comment on column ops.webhook_event.event_key is 'Hash of the event: TikTok may deliver it more than once.';
comment on column ops.webhook_event.event is 'TikTok''s name of the event, e.g. authorization.removed.';
comment on column ops.webhook_event.open_id is 'TikTok''s id of the account it is about.';
comment on column ops.webhook_event.client_key is 'The TikTok app it is about.';
comment on column ops.webhook_event.reason is 'Why, in words, when the event says so.';
comment on column ops.webhook_event.created_at is 'When it happened, by TikTok''s clock.';
comment on column ops.webhook_event.received_at is 'When it arrived first.';
comment on column ops.webhook_event.effect is 'What it changed here, in words.';

create table vault.forgotten (
    account_id bigint primary key references hub.store_accounts (id) on delete cascade,
    token_version integer not null check (token_version > 0)
);

comment on table vault.forgotten is
'One row per account whose tokens were forgotten. A version is never given twice: an answer that was meant for an old
pair must not pass for the successor of a new one.';
comment on column vault.forgotten.account_id is 'The account: hub.store_accounts.id.';
comment on column vault.forgotten.token_version is 'The version of the pair that was forgotten last.';
