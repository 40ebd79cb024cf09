-- The quota: when requests were or will be sent, so that no sliding window ever holds more than the limit.
-- depends: 0001.clock-and-hub

create table ops.quota (
    client_key text not null,
    endpoint text not null,
    uses bigint not null default 0,
    last_use_at timestamptz not null default '-infinity',
    primary key (client_key, endpoint)
) with (fillfactor = 20);

comment on table ops.quota is 'One row per TikTok app and endpoint: how many permits were given out.';
comment on column ops.quota.client_key is 'The TikTok app.';
comment on column ops.quota.endpoint is 'The path, e.g. /v2/video/list/.';
comment on column ops.quota.uses is 'Permits given out so far; also the number of the next use.';
comment on column ops.quota.last_use_at is 'The instant of the latest permit, which may lie ahead.';

-- Half-empty pages, so that an update finds room beside the old row and touches no index.
create table ops.quota_slot (
    client_key text not null,
    endpoint text not null,
    slot_no smallint not null check (slot_no between 0 and 999),
    used_at timestamptz not null,
    primary key (client_key, endpoint, slot_no)
) with (fillfactor = 40);

comment on table ops.quota_slot is
'The latest 1,000 uses of an endpoint, as a ring: use number n is in slot n modulo 1,000.';
comment on column ops.quota_slot.client_key is 'The TikTok app.';
comment on column ops.quota_slot.endpoint is 'The path, e.g. /v2/video/list/.';
comment on column ops.quota_slot.slot_no is 'The slot, from 0 to 999.';
comment on column ops.quota_slot.used_at is 'When its request was or will be sent.';

create table ops.quota_pause (
    client_key text not null,
    endpoint text not null,
    paused_until timestamptz not null,
    paused_at timestamptz not null default ops.now(),
    primary key (client_key, endpoint)
);

comment on table ops.quota_pause is 'One row per endpoint that TikTok answered 429: nobody sends before then.';

comment on column ops.quota_pause.client_key is 'The TikTok app.';
comment on column ops.quota_pause.endpoint is 'The path, e.g. /v2/video/list/.';
comment on column ops.quota_pause.paused_until is 'When requests may be sent again.';
comment on column ops.quota_pause.paused_at is 'When TikTok last said 429.';

-- Give out permits: use number n may be sent one period after use number n - slots, never before the one before
-- it, and never in a pause. So any slots + 1 uses in a row span a period or more, whatever limits they were
-- given under. Returns the seconds to wait for each, soonest first; permits that lie further ahead than
-- `patience` are not given. The row lock on ops.quota puts callers in a queue; it is a single statement, so
-- that a caller that freezes holds nothing.
create function ops.quota_reserve(
    app text, path text, slots integer, period interval, permits integer, patience interval
)
returns setof double precision
language plpgsql
as $$
declare
    first_use bigint;
    called_at timestamptz;
    earliest timestamptz;
begin
    select uses, last_use_at into first_use, earliest
    from ops.quota where client_key = app and endpoint = path
    for update;
    if not found then
        insert into ops.quota (client_key, endpoint) values (app, path) on conflict do nothing;
        select uses, last_use_at into first_use, earliest
        from ops.quota where client_key = app and endpoint = path
        for update;
    end if;

    called_at := ops.now();
    earliest := greatest(
        called_at,
        earliest,
        (select paused_until from ops.quota_pause where client_key = app and endpoint = path)
    );

    return query
    with planned as (
        select
            use_no,
            greatest(earliest, slot.used_at + period) as use_at
        from generate_series(first_use, first_use + least(permits, slots) - 1) as use_no
        left join ops.quota_slot as slot
            on slot.client_key = app
            and slot.endpoint = path
            and slot.slot_no = (use_no - slots + 1000) % 1000
    ),
    taken as (
        insert into ops.quota_slot as slot (client_key, endpoint, slot_no, used_at)
        select app, path, use_no % 1000, use_at
        from planned
        where use_at <= called_at + patience
        on conflict (client_key, endpoint, slot_no) do update set used_at = excluded.used_at
        returning slot.used_at
    ),
    counted as (
        update ops.quota
        set uses = first_use + (select count(*) from taken),
            last_use_at = (select max(used_at) from taken)
        where client_key = app and endpoint = path and exists (select from taken)
    )
    select extract(epoch from used_at - called_at)::double precision
    from taken
    order by 1;
end
$$;
