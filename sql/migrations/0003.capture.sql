-- The ledger of account-days, and the pages that TikTok answered, as they came.
-- depends: 0001.clock-and-hub

create schema capture;

comment on schema capture is 'What TikTok said, untouched, and the ledger of what was captured.';

-- The longest a capture may go on after its day has ended; CAPTURE_GRACE_HOURS may ask for less.
create function capture.window_end(day date, zone text) returns timestamptz
language sql immutable parallel safe
as 'select ops.day_start(day + 1, zone) + interval ''12 hours''';

create table capture.account_day (
    account_id bigint not null references hub.store_accounts (id) on delete cascade,
    endpoint text not null check (endpoint in ('user_info', 'video_list')),
    day date not null,
    time_zone text not null,
    state text not null default 'planned'
    check (state in ('planned', 'capturing', 'captured', 'failed', 'gap', 'imported')),
    reason text check (
        reason in (
            'missed', 'provider_down', 'needs_reconnect', 'not_yet_connected',
            'scope_missing', 'quota_exhausted', 'malformed', 'cancelled'
        )
    ),
    attempts integer not null default 0,
    capture_no smallint not null default 1,
    chosen_capture_no smallint,
    cursor bigint,
    pages integer not null default 0,
    items integer not null default 0,
    refused integer not null default 0,
    late boolean not null default false,
    owner uuid,
    lease_until timestamptz,
    error_code text,
    error_message text,
    http_status smallint,
    log_id text,
    run_id text,
    planned_at timestamptz not null default ops.now(),
    started_at timestamptz,
    captured_at timestamptz,
    finished_at timestamptz,
    primary key (account_id, endpoint, day),
    check (state <> 'captured' or chosen_capture_no is not null),
    check (state <> 'gap' or reason is not null),
    check ((owner is null) = (lease_until is null)),
    -- The past cannot be fetched: a capture begins within its day, and ends within it or the grace after it.
    constraint begun_in_its_day check (
        started_at >= ops.day_start(day, time_zone)
        and started_at < ops.day_start(day + 1, time_zone)
    ),
    constraint captured_in_its_day check (
        captured_at >= ops.day_start(day, time_zone)
        and captured_at < capture.window_end(day, time_zone)
    )
);

create index account_day_by_day on capture.account_day (day, endpoint, state);

comment on table capture.account_day is
'The ledger: one row per account, endpoint and day, from the moment the day is planned.';
comment on column capture.account_day.day is 'The business day in the reporting time zone.';
comment on column capture.account_day.reason is 'Why it failed or why there is a gap.';
comment on column capture.account_day.attempts is 'Counted before work starts, so that a crash counts.';
comment on column capture.account_day.capture_no is 'The capture under way, or the last one tried.';
comment on column capture.account_day.chosen_capture_no is 'The complete capture that is the day''s snapshot.';
comment on column capture.account_day.cursor is 'TikTok''s cursor of the next page, unix milliseconds.';
comment on column capture.account_day.items is 'Videos (or profiles) in the pages of this capture.';
comment on column capture.account_day.refused is 'Counters that were no whole number from 0 to 2^63-1.';
comment on column capture.account_day.late is 'Completed after its day had ended, within the grace.';
comment on column capture.account_day.owner is 'The worker that holds the lease; only it may write.';

create table capture.page (
    endpoint text not null,
    day date not null,
    account_id bigint not null,
    capture_no smallint not null,
    page_no integer not null,
    body jsonb not null,
    observed_at timestamptz not null default ops.now(),
    time_zone text not null,
    log_id text,
    run_id text,
    primary key (endpoint, day, account_id, capture_no, page_no),
    foreign key (account_id, endpoint, day) references capture.account_day (account_id, endpoint, day)
    on delete cascade,
    constraint observed_in_its_day check (
        observed_at >= ops.day_start(day, time_zone)
        and observed_at < capture.window_end(day, time_zone)
    )
) partition by list (endpoint);

comment on table capture.page is 'One row per page that TikTok answered.';
comment on column capture.page.body is 'The whole answer; NUL and lone surrogates are replaced by U+FFFD.';
comment on column capture.page.observed_at is 'When the answer arrived, by the database''s clock.';

create table capture.user_info partition of capture.page for values in ('user_info') partition by range (day);
create table capture.video_list partition of capture.page for values in ('video_list') partition by range (day);

comment on table capture.user_info is 'One row per answer of user/info: an account''s profile and counters.';
comment on table capture.video_list is 'One row per page of video/list: up to 20 videos and their counters.';

-- A page's time is now, and its account-day was begun on its day. Without this, a wrong observed_at could
-- smuggle a page into a past day, and the grace after midnight could begin a day that has ended.
create function capture.observed_now() returns trigger
language plpgsql
as $$
begin
    if abs(extract(epoch from new.observed_at - ops.now())) > 60 then
        raise exception 'capture.page: observed_at % is not now; the past cannot be captured', new.observed_at
            using errcode = 'check_violation', constraint = 'observed_now';
    end if;
    if not exists (
        select 1
        from capture.account_day as d
        where
            d.account_id = new.account_id
            and d.endpoint = new.endpoint
            and d.day = new.day
            and d.started_at is not null
    ) then
        raise exception 'capture.page: nothing was begun for account % on %', new.account_id, new.day
            using errcode = 'check_violation', constraint = 'observed_now';
    end if;
    return new;
end
$$;

create trigger observed_now before insert on capture.page
for each row execute function capture.observed_now();

create table capture.imported (
    account_id bigint not null,
    endpoint text not null,
    day date not null,
    item_id text not null,
    fields jsonb not null,
    observed_at timestamptz,
    imported_from text not null,
    imported_at timestamptz not null default ops.now(),
    primary key (account_id, endpoint, day, item_id),
    foreign key (account_id, endpoint, day) references capture.account_day (account_id, endpoint, day)
    on delete cascade
);

create index imported_by_day on capture.imported (endpoint, day);

comment on table capture.imported is
'History that was not captured here: one row per profile or video and day, in TikTok''s field names.';
comment on column capture.imported.observed_at is 'When the source saw it, if it says so.';

-- A counter as TikTok gave it, or NULL when it is no whole number from 0 to 2^63-1.
create function capture.counter(value jsonb) returns bigint
language sql immutable parallel safe
as $$
select case
    when jsonb_typeof(value) = 'number'
        and value::numeric between 0 and 9223372036854775807
        and value::numeric = trunc(value::numeric)
        then value::bigint
end
$$;

-- A unix time in seconds as an instant, or NULL when it is none or lies beyond the year 9999.
create function capture.instant(value jsonb) returns timestamptz
language sql immutable parallel safe
as 'select to_timestamp(nullif(least(capture.counter(value), 253402300800), 253402300800))';
