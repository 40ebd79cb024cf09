-- The ledger of account-days, and the pages that TikTok answered, as they came.
-- depends: 0001.clock-and-hub

create schema capture;

comment on schema capture is 'What TikTok said, untouched, and the ledger of what was captured.';

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
    final boolean not null default false,
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
    -- The day first: statements find their account-days by it, whatever the statistics say of a day that is new.
    primary key (endpoint, day, account_id),
    check (
        state <> 'captured'
        or (chosen_capture_no is not null and started_at is not null and captured_at is not null)
    ),
    check (state <> 'gap' or reason is not null),
    check ((owner is null) = (lease_until is null)),
    -- PostgreSQL takes any text for a time zone ('X+110' is five days away); none on Earth is 15 hours from UTC.
    check (
        day::timestamp at time zone time_zone - day::timestamp at time zone 'UTC'
        between interval '-15 hours' and interval '15 hours'
    ),
    -- The past cannot be fetched: a capture begins within its day, and ends within it or the grace after it.
    -- (Written out: PostgreSQL plans the functions of a check again for every statement.)
    constraint begun_in_its_day check (
        started_at >= day::timestamp at time zone time_zone
        and started_at < (day + 1)::timestamp at time zone time_zone
    ),
    constraint captured_in_its_day check (
        captured_at >= day::timestamp at time zone time_zone
        and captured_at < (day + 1)::timestamp at time zone time_zone + interval '12 hours'
    )
);

create index account_day_by_account on capture.account_day (account_id, day);

comment on table capture.account_day is
'The ledger: one row per account, endpoint and day, from the moment the day is planned.';
comment on column capture.account_day.account_id is 'The account: hub.store_accounts.id.';
comment on column capture.account_day.endpoint is 'What is asked of TikTok: user_info or video_list.';
comment on column capture.account_day.day is 'The business day in the reporting time zone.';
comment on column capture.account_day.time_zone is 'The reporting time zone that the day is a day of.';
comment on column capture.account_day.state is 'planned, capturing, captured, failed, gap or imported.';
comment on column capture.account_day.reason is 'Why it failed or why there is a gap.';
comment on column capture.account_day.attempts is 'Counted before work starts, so that a crash counts.';
comment on column capture.account_day.capture_no is 'The capture under way, or the last one tried.';
comment on column capture.account_day.chosen_capture_no is 'The complete capture that is the day''s snapshot.';
comment on column capture.account_day.cursor is 'TikTok''s cursor of the next page, unix milliseconds.';
comment on column capture.account_day.pages is 'Pages of this capture that have landed.';
comment on column capture.account_day.items is 'Videos (or profiles) in the pages of this capture.';
comment on column capture.account_day.refused is 'Counters that were no whole number from 0 to 2^63-1.';
comment on column capture.account_day.final is 'It failed for a reason that another try today does not mend.';
comment on column capture.account_day.late is 'Completed after its day had ended, within the grace.';
comment on column capture.account_day.owner is 'The worker that holds the lease; only it may write.';
comment on column capture.account_day.lease_until is 'When others may take the account-day over.';
comment on column capture.account_day.error_code is 'TikTok''s error code, or ours in its style.';
comment on column capture.account_day.error_message is 'What went wrong, in words.';
comment on column capture.account_day.http_status is 'HTTP status of the answer that failed.';
comment on column capture.account_day.log_id is 'TikTok''s id of the answer that failed; its support asks for it.';
comment on column capture.account_day.run_id is 'The Dagster run that worked on it last.';
comment on column capture.account_day.planned_at is 'When it was planned, or written as a gap or an import.';
comment on column capture.account_day.started_at is 'When work on it began; within its day.';
comment on column capture.account_day.captured_at is 'When its last complete capture was complete.';
comment on column capture.account_day.finished_at is 'When it came to its present final state.';

-- Whether something may still be fetched for an account-day: today, or what was under way at midnight while
-- the grace lasts.
create function capture.is_open(d capture.account_day, grace interval) returns boolean
language sql volatile parallel safe
as $$
select
    (d.state in ('planned', 'capturing') and ops.day_of(ops.now(), d.time_zone) = d.day)
    or (
        d.state = 'capturing'
        and ops.now() >= ops.day_start(d.day, d.time_zone)
        and ops.now() < ops.day_start(d.day + 1, d.time_zone) + grace
    )
$$;

-- Times are when things happen: a beginning or an end that is not now could make up a past day.
create function capture.happens_now() returns trigger
language plpgsql
as $$
begin
    if tg_op = 'INSERT' or new.started_at is distinct from old.started_at then
        perform ops.require_now('capture.account_day.started_at', new.started_at);
    end if;
    if tg_op = 'INSERT' or new.captured_at is distinct from old.captured_at then
        perform ops.require_now('capture.account_day.captured_at', new.captured_at);
    end if;
    return new;
end
$$;

create trigger happens_now before insert or update on capture.account_day
for each row execute function capture.happens_now();

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
        observed_at >= day::timestamp at time zone time_zone
        and observed_at < (day + 1)::timestamp at time zone time_zone + interval '12 hours'
    )
) partition by list (endpoint);

comment on table capture.page is 'One row per page that TikTok answered.';
comment on column capture.page.endpoint is 'What was asked of TikTok: user_info or video_list.';
comment on column capture.page.day is 'The business day in the reporting time zone.';
comment on column capture.page.account_id is 'The account: hub.store_accounts.id.';
comment on column capture.page.capture_no is 'Which capture of the day this page belongs to, from 1.';
comment on column capture.page.page_no is 'Which page of the capture this is, from 0.';
comment on column capture.page.body is 'The whole answer; NUL and lone surrogates are replaced by U+FFFD.';
comment on column capture.page.observed_at is 'When the answer arrived, by the database''s clock.';
comment on column capture.page.time_zone is 'The reporting time zone that the day is a day of.';
comment on column capture.page.log_id is 'TikTok''s id of the answer.';
comment on column capture.page.run_id is 'The Dagster run that asked.';

create table capture.user_info partition of capture.page for values in ('user_info') partition by range (day);
create table capture.video_list partition of capture.page for values in ('video_list') partition by range (day);

comment on table capture.user_info is 'One row per answer of user/info: an account''s profile and counters.';
comment on table capture.video_list is 'One row per page of video/list: up to 20 videos and their counters.';

-- A page's time is now, its account-day was begun on its day, and it never changes. Without this, a wrong
-- observed_at could smuggle a page into a past day, and the grace after midnight could begin a day that has ended.
create function capture.page_of_now() returns trigger
language plpgsql
as $$
begin
    if tg_op = 'UPDATE' then
        raise exception 'capture.page: what TikTok answered is never changed'
            using errcode = 'check_violation', constraint = 'page_of_now';
    end if;
    perform ops.require_now('capture.page.observed_at', new.observed_at);
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
            using errcode = 'check_violation', constraint = 'page_of_now';
    end if;
    return new;
end
$$;

create trigger page_of_now before insert or update on capture.page
for each row execute function capture.page_of_now();

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
comment on column capture.imported.account_id is 'The account: hub.store_accounts.id.';
comment on column capture.imported.endpoint is 'user_info for a profile, video_list for a video.';
comment on column capture.imported.day is 'The business day in the reporting time zone.';
comment on column capture.imported.item_id is 'The video''s id, or the word profile.';
comment on column capture.imported.fields is 'The profile or video, in TikTok''s field names.';
comment on column capture.imported.imported_from is 'Where it comes from.';
comment on column capture.imported.imported_at is 'When it was imported.';
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

-- A whole number that fits a small column (seconds, pixels), or NULL.
create function capture.measure(value jsonb) returns integer
language sql immutable parallel safe
as 'select case when capture.counter(value) <= 2147483647 then capture.counter(value)::integer end';

-- The two endpoints' tables say of their columns what capture.page says.
do $$
declare
    described record;
begin
    for described in
        select a.attname, d.description, child
        from pg_attribute as a
        inner join pg_description as d on d.objoid = a.attrelid and d.objsubid = a.attnum
        cross join unnest(array['capture.user_info', 'capture.video_list']) as child
        where a.attrelid = 'capture.page'::regclass
    loop
        execute format('comment on column %s.%I is %L', described.child, described.attname, described.description);
    end loop;
end
$$;
