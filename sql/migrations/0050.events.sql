-- Events: what happened, for programs. Written with what they are about, delivered afterwards.
-- depends: 0041.told-count

create table ops.event (
    id bigint generated always as identity primary key,
    event_id uuid not null default gen_random_uuid() unique,
    event_type text not null,
    version integer not null default 1,
    occurred_at timestamptz not null default ops.now(),
    subject text not null,
    data jsonb not null,
    routed_at timestamptz
);

create index event_unrouted on ops.event (id) where routed_at is null;
create index event_by_age on ops.event (occurred_at);

comment on table ops.event is 'One row per event: what happened, for programs, written in the transaction of its cause.';
comment on column ops.event.id is 'The order of writing, in which the events of one subject are delivered.';
comment on column ops.event.event_id is 'What consumers know it by: an event that comes twice has the same.';
comment on column ops.event.event_type is 'What happened: account.connected, capture.gap …';
comment on column ops.event.version is 'The version of the type''s data.';
comment on column ops.event.occurred_at is 'When it happened.';
comment on column ops.event.subject is 'What it happened to: account:12, or the table of a day.';
comment on column ops.event.data is 'The facts, as the schema of the type and version has them.';
comment on column ops.event.routed_at is 'When its deliveries were written; NULL while no target is configured.';

create table ops.event_delivery (
    target text not null,
    event bigint not null references ops.event (id) on delete cascade,
    attempts integer not null default 0,
    first_attempt_at timestamptz,
    next_attempt_at timestamptz not null default ops.now(),
    last_error text,
    sent_at timestamptz,
    given_up_at timestamptz,
    primary key (target, event)
);

create index event_delivery_due on ops.event_delivery (target, event) where sent_at is null and given_up_at is null;
create index event_delivery_by_event on ops.event_delivery (event);

comment on table ops.event_delivery is 'One row per event and target that is to get it.';
comment on column ops.event_delivery.target is 'The target''s name: redis, rabbitmq, or webhook, numbered when there are several.';
comment on column ops.event_delivery.event is 'The event: ops.event.id.';
comment on column ops.event_delivery.attempts is 'How often the target refused it.';
comment on column ops.event_delivery.first_attempt_at is 'When it was refused first.';
comment on column ops.event_delivery.next_attempt_at is 'When it may be tried next.';
comment on column ops.event_delivery.last_error is 'Why the latest attempt failed, in a few words.';
comment on column ops.event_delivery.sent_at is 'When the target took it.';
comment on column ops.event_delivery.given_up_at is 'When it was given up, after three days of refusals: a dead letter.';

create table ops.event_target (
    target text primary key,
    position text,
    reached_at timestamptz not null default ops.now()
);

comment on table ops.event_target is 'One row per target that was reached: what it must still know, or it was wiped.';
comment on column ops.event_target.target is 'The target''s name, as in ops.event_delivery.';
comment on column ops.event_target.position is 'Of Redis the newest entry of the stream, of RabbitMQ its queues; NULL: nothing.';
comment on column ops.event_target.reached_at is 'When it was reached last.';

create table ops.derived (
    id bigint generated always as identity primary key,
    derivation uuid not null,
    table_name text not null,
    first_day date not null,
    last_day date not null,
    changed_rows bigint not null,
    noted_at timestamptz not null default ops.now()
);

comment on table ops.derived is
'One row per part of a table that was derived and has changed, until the event that says so is written.';
comment on column ops.derived.id is 'In the order of writing.';
comment on column ops.derived.derivation is 'The run over a range of dates that it belongs to: one event for all of it.';
comment on column ops.derived.table_name is 'The table.';
comment on column ops.derived.first_day is 'The first day of the part.';
comment on column ops.derived.last_day is 'Its last day.';
comment on column ops.derived.changed_rows is 'How many rows were inserted, updated or deleted.';
comment on column ops.derived.noted_at is 'When.';

-- An account's status. What fails for a while (ERROR) and works again is no event: its store need not do anything.
create function hub.tell_status_change() returns trigger
language plpgsql
as $$
begin
    insert into ops.event (event_type, occurred_at, subject, data)
    select
        case new.to_status
            when 'CONNECTED' then 'account.connected'
            when 'NEED_RECONNECT' then 'account.need_reconnect'
            else 'account.disconnected'
        end,
        new.changed_at,
        'account:' || a.id,
        jsonb_build_object(
            'account_id', a.id,
            'store_code', a.store_code,
            'open_id', a.open_id,
            'from_status', new.from_status,
            'reason', new.reason
        )
    from hub.store_accounts as a
    where a.id = new.account_id;
    return null;
end
$$;

create trigger tell_status_change after insert on hub.status_change
for each row when (
    new.to_status in ('CONNECTED', 'NEED_RECONNECT', 'DISABLED')
    and not (new.to_status = 'CONNECTED' and new.from_status is not distinct from 'ERROR')
) execute function hub.tell_status_change();

create function hub.tell_deleted_account() returns trigger
language plpgsql
as $$
begin
    insert into ops.event (event_type, subject, data)
    values (
        'account.disconnected',
        'account:' || old.id,
        jsonb_build_object(
            'account_id', old.id,
            'store_code', old.store_code,
            'open_id', old.open_id,
            'from_status', old.status,
            'reason', 'deleted'
        )
    );
    return null;
end
$$;

create trigger tell_deleted_account after delete on hub.store_accounts
for each row execute function hub.tell_deleted_account();
