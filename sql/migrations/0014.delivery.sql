-- Delivery: which channel has which message, and what is muted.
-- depends: 0009.flags

create table ops.delivery (
    outbox_id bigint not null references ops.outbox (id) on delete cascade,
    channel text not null,
    attempts integer not null default 0,
    first_attempt_at timestamptz,
    next_attempt_at timestamptz not null default ops.now(),
    last_error text,
    sent_at timestamptz,
    given_up_at timestamptz,
    primary key (outbox_id, channel)
);

create index delivery_due on ops.delivery (channel, next_attempt_at) where sent_at is null and given_up_at is null;

comment on table ops.delivery is 'One row per message and channel that is to get it.';
comment on column ops.delivery.outbox_id is 'The message: ops.outbox.id.';
comment on column ops.delivery.channel is 'The channel''s name: the kind of its address, numbered when there are several.';
comment on column ops.delivery.attempts is 'How often it was tried, counted before each attempt.';
comment on column ops.delivery.first_attempt_at is 'When it was tried first.';
comment on column ops.delivery.next_attempt_at is
'When it may be tried next. Who tries puts it off first, so that nobody else tries meanwhile.';
comment on column ops.delivery.last_error is 'Why the latest attempt failed, in a few words.';
comment on column ops.delivery.sent_at is 'When the channel took it.';
comment on column ops.delivery.given_up_at is 'When it was given up, after three days of attempts.';

create table ops.mute (
    id bigint generated always as identity primary key,
    kind text,
    account_id bigint references hub.store_accounts (id) on delete cascade,
    begins_at timestamptz not null default ops.now(),
    ends_at timestamptz not null,
    check ((kind is null) <> (account_id is null))
);

create index mute_by_account on ops.mute (account_id);

comment on table ops.mute is 'One row per time that operators want to hear nothing of something.';
comment on column ops.mute.id is 'In the order of writing.';
comment on column ops.mute.kind is 'The kind of messages, as in ops.outbox.kind.';
comment on column ops.mute.account_id is 'Or the account that messages are about: hub.store_accounts.id.';
comment on column ops.mute.begins_at is 'From when on.';
comment on column ops.mute.ends_at is 'Until when.';

alter table ops.outbox
add column routed_for text,
add column muted_at timestamptz;

create index outbox_by_work on ops.outbox ((details ->> 'work')) where kind in ('run_failed', 'run_recovered');
create index outbox_with_link on ops.outbox (id) where body <> '' and details ? 'link_expires_at';

comment on column ops.outbox.routed_for is 'The channels that there were when its deliveries were written.';
comment on column ops.outbox.muted_at is 'When it was found muted; then nobody is sent it.';
comment on column ops.outbox.sent_at is 'When the last of its channels had it, or was given up; NULL while it waits.';
comment on column ops.outbox.attempts is 'Not used: ops.delivery counts for each channel.';
