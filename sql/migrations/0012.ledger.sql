-- The ledger for people: what every account-day came to, gaps, a calendar, dead letters; and workers that die.
-- depends: 0009.flags 0011.reporting

-- How often a worker died with an account-day in its hands, without a page landed or a failure noted in between.
-- The one that kills workers is isolated after three, so that it does not take the others down for ever.
alter table capture.account_day add column deaths smallint not null default 0;

comment on column capture.account_day.deaths is
'Workers that died with it in hand, in a row: a landed page or an orderly failure ends the row.';

-- Few rows at any time: what a run has still to do, what failed, what closing a day looks for.
create index account_day_unfinished on capture.account_day (endpoint, day, account_id)
where state in ('planned', 'capturing', 'failed');

-- The status that an account had just before an instant, from the changes that were noted. Changes are noted since
-- 0009.flags: before the first of them it is what that change says it was, or what the account's own row says.
create function hub.status_before(account hub.store_accounts, at timestamptz) returns text
language sql stable parallel safe
as $$
select coalesce(
    (
        select c.to_status
        from hub.status_change as c
        where c.account_id = account.id and c.changed_at < at
        order by c.id desc
        limit 1
    ),
    (
        select c.from_status
        from hub.status_change as c
        where c.account_id = account.id
        order by c.id
        limit 1
    ),
    case when account.status_changed_at < at then account.status end,
    'CONNECTED'
)
$$;

-- Why a connected account has no data of a day that is over: by the status in which the day ended.
create function capture.gap_reason(account hub.store_accounts, day date, zone text) returns text
language sql stable parallel safe
as $$
select case hub.status_before(account, ops.day_start(day + 1, zone))
    when 'DISABLED' then 'cancelled'
    when 'NEED_RECONNECT' then 'needs_reconnect'
    else 'missed'
end
$$;

-- The ledger, and the days up to today that nothing has planned: they get their row by the next run, whichever it is.
-- The time zone is that of the newest day in the ledger. A captured or imported day shows no error of a fresh capture
-- that failed afterwards.
create view reporting.account_days as
with zone as (
    select d.time_zone
    from capture.account_day as d
    order by
        d.endpoint desc,
        d.day desc,
        d.account_id desc
    limit 1
)

select
    a.store_code,
    d.account_id,
    a.open_id,
    a.display_name,
    d.endpoint,
    d.day,
    d.state,
    d.reason,
    d.late,
    d.attempts,
    d.pages,
    d.items,
    d.captured_at,
    case when d.state not in ('captured', 'imported') then d.error_code end as error_code,
    case when d.state not in ('captured', 'imported') then d.error_message end as error_message,
    case when d.state not in ('captured', 'imported') then d.log_id end as log_id,
    d.run_id
from capture.account_day as d
inner join hub.store_accounts as a on a.id = d.account_id

union all

select
    a.store_code,
    a.id,
    a.open_id,
    a.display_name,
    e.endpoint,
    s.day::date,
    'unplanned',
    null,
    false,
    0,
    0,
    0,
    null,
    null,
    null,
    null,
    null
from zone as z
cross join hub.store_accounts as a
cross join unnest(array['user_info', 'video_list']) as e (endpoint)
cross join lateral (
    select
        ops.day_of(a.connected_at, z.time_zone) as first,
        ops.day_of(ops.now(), z.time_zone) as last
) as life
-- Counting comes first: of most accounts no day is missing, and they need no series.
cross join lateral (
    select count(*) as days
    from capture.account_day as d
    where
        d.account_id = a.id
        and d.endpoint = e.endpoint
        and d.day between life.first and life.last
) as known
cross join lateral generate_series(
    life.first,
    case when known.days < life.last - life.first + 1 then life.last end,
    interval '1 day'
) as s (day)
where not exists (
    select
    from capture.account_day as d
    where
        d.account_id = a.id
        and d.endpoint = e.endpoint
        and d.day = s.day::date
);

comment on view reporting.account_days is
'One row per account, endpoint and day since the account was connected (and imported days before): its one state.';
comment on column reporting.account_days.store_code is 'The store that the account belongs to.';
comment on column reporting.account_days.account_id is 'The account: hub.store_accounts.id.';
comment on column reporting.account_days.open_id is 'TikTok''s id of the account.';
comment on column reporting.account_days.display_name is 'The account''s name on TikTok, as of its last capture.';
comment on column reporting.account_days.endpoint is 'user_info (profile) or video_list (videos).';
comment on column reporting.account_days.day is 'The business day in the reporting time zone.';
comment on column reporting.account_days.state is
'planned, capturing, captured, failed, gap or imported; unplanned: no run has come to this day yet.';
comment on column reporting.account_days.reason is 'Why it failed or why there is a gap.';
comment on column reporting.account_days.late is 'Completed after its day had ended, within the grace.';
comment on column reporting.account_days.attempts is 'How often it was begun.';
comment on column reporting.account_days.pages is 'Pages of its last capture that have landed.';
comment on column reporting.account_days.items is 'Videos (or profiles) in these pages.';
comment on column reporting.account_days.captured_at is 'When its last complete capture was complete.';
comment on column reporting.account_days.error_code is 'TikTok''s error code, or ours in its style.';
comment on column reporting.account_days.error_message is 'What went wrong, in words.';
comment on column reporting.account_days.log_id is 'TikTok''s id of the answer that failed; its support asks for it.';
comment on column reporting.account_days.run_id is 'The Dagster run that worked on it last.';

-- Days in a row with the same reason are one row: a day minus its number in the row is the same for all of them.
-- (A subquery and no CTE: PostgreSQL would make all rows of a CTE that asks for the time, whoever wants one account's.)
create view reporting.account_gaps as
select
    store_code,
    account_id,
    endpoint,
    min(day) as "from",
    max(day) as "to",
    count(*)::integer as days,
    reason
from (
    select
        d.store_code,
        d.account_id,
        d.endpoint,
        d.day,
        d.reason,
        d.day - row_number() over (
            partition by d.store_code, d.account_id, d.endpoint, d.reason
            order by d.day
        )::integer as island
    from reporting.account_days as d
    where
        d.state = 'gap'
        or (
            d.state in ('planned', 'failed', 'unplanned')
            and d.day < ops.day_of(
                ops.now(),
                (
                    select l.time_zone
                    from capture.account_day as l
                    order by
                        l.endpoint desc,
                        l.day desc,
                        l.account_id desc
                    limit 1
                )
            )
        )
) as gaps
group by
    store_code,
    account_id,
    endpoint,
    reason,
    island;

comment on view reporting.account_gaps is
'One row per account, endpoint and stretch of days without data for one reason.';
comment on column reporting.account_gaps.store_code is 'The store that the account belongs to.';
comment on column reporting.account_gaps.account_id is 'The account: hub.store_accounts.id.';
comment on column reporting.account_gaps.endpoint is 'user_info (profile) or video_list (videos).';
comment on column reporting.account_gaps."from" is 'The first day without data.';
comment on column reporting.account_gaps."to" is 'The last day without data.';
comment on column reporting.account_gaps.days is 'How many days that is.';
comment on column reporting.account_gaps.reason is
'missed, provider_down, needs_reconnect, not_yet_connected, scope_missing, quota_exhausted, malformed or cancelled; '
'NULL until the next run closes the days and says it.';

create view reporting.capture_calendar as
select
    store_code,
    account_id,
    open_id,
    display_name,
    day,
    max(state) filter (where endpoint = 'user_info') as user_info_state,
    max(reason) filter (where endpoint = 'user_info') as user_info_reason,
    bool_or(late) filter (where endpoint = 'user_info') as user_info_late,
    max(attempts) filter (where endpoint = 'user_info') as user_info_attempts,
    max(state) filter (where endpoint = 'video_list') as video_list_state,
    max(reason) filter (where endpoint = 'video_list') as video_list_reason,
    bool_or(late) filter (where endpoint = 'video_list') as video_list_late,
    max(attempts) filter (where endpoint = 'video_list') as video_list_attempts
from reporting.account_days
group by
    store_code,
    account_id,
    open_id,
    display_name,
    day;

comment on view reporting.capture_calendar is
'One row per account and day since the account was connected: what became of its profile and of its videos.';
comment on column reporting.capture_calendar.store_code is 'The store that the account belongs to.';
comment on column reporting.capture_calendar.account_id is 'The account: hub.store_accounts.id.';
comment on column reporting.capture_calendar.open_id is 'TikTok''s id of the account.';
comment on column reporting.capture_calendar.display_name is 'The account''s name on TikTok, as of its last capture.';
comment on column reporting.capture_calendar.day is 'The business day in the reporting time zone.';
comment on column reporting.capture_calendar.user_info_state is
'The profile: planned, capturing, captured, failed, gap, imported or unplanned.';
comment on column reporting.capture_calendar.user_info_reason is 'Why the profile failed or is a gap.';
comment on column reporting.capture_calendar.user_info_late is 'The profile came after the day, within the grace.';
comment on column reporting.capture_calendar.user_info_attempts is 'How often the profile was begun.';
comment on column reporting.capture_calendar.video_list_state is
'The videos: planned, capturing, captured, failed, gap, imported or unplanned.';
comment on column reporting.capture_calendar.video_list_reason is 'Why the videos failed or are a gap.';
comment on column reporting.capture_calendar.video_list_late is 'The videos came after the day, within the grace.';
comment on column reporting.capture_calendar.video_list_attempts is 'How often the videos were begun.';

-- The hub kept one row per store, job and run. Here it is one per account-day, with the run that worked on it last;
-- what waits for its first try has no row yet, as nothing had begun there either.
create view reporting.sync_logs as
select
    d.account_id * 1000000 + (d.day - date '1900-01-01') * 2 + (d.endpoint = 'video_list')::integer as id,
    a.store_code,
    case d.endpoint when 'user_info' then 'user_daily' else 'video_daily' end as job_type,
    case
        when d.state in ('captured', 'imported') then 'SUCCESS'
        when d.state in ('planned', 'capturing') then 'RUNNING'
        when d.reason in ('cancelled', 'not_yet_connected', 'needs_reconnect') and d.started_at is null then 'SKIPPED'
        else 'FAILED'
    end as status,
    case
        when d.state = 'captured' then d.pages || ' pages' || case when d.late then ', late' else '' end
        else coalesce(d.reason, d.state)
    end as message,
    case when d.state in ('captured', 'capturing') then d.items end as records_processed,
    case
        when d.error_code is not null and d.state not in ('captured', 'imported')
            then concat_ws(' ', d.error_code || ':', d.error_message)
    end as error_details,
    coalesce(d.started_at, d.planned_at) as started_at,
    d.finished_at as completed_at,
    d.account_id,
    d.day,
    d.attempts,
    d.run_id,
    case when d.state not in ('captured', 'imported') then d.log_id end as log_id
from capture.account_day as d
inner join hub.store_accounts as a on a.id = d.account_id
where d.state <> 'planned' or d.started_at is not null;

comment on view reporting.sync_logs is
'One row per account-day that was worked on or given up, in the columns of the hub''s sync_logs.';
comment on column reporting.sync_logs.id is 'Made of account, day and endpoint; always the same for one account-day.';
comment on column reporting.sync_logs.store_code is 'The store that the account belongs to.';
comment on column reporting.sync_logs.job_type is 'user_daily for the profile, video_daily for the videos.';
comment on column reporting.sync_logs.status is 'SUCCESS, FAILED, RUNNING, or SKIPPED when nothing was to be asked.';
comment on column reporting.sync_logs.message is 'How many pages, or why there is no data.';
comment on column reporting.sync_logs.records_processed is 'Videos (or profiles) captured.';
comment on column reporting.sync_logs.error_details is 'The error''s code and words.';
comment on column reporting.sync_logs.started_at is 'When work began, or when it was found that there would be none.';
comment on column reporting.sync_logs.completed_at is 'When it came to its present state; NULL while it is under way.';
comment on column reporting.sync_logs.account_id is 'The account: hub.store_accounts.id.';
comment on column reporting.sync_logs.day is 'The business day in the reporting time zone.';
comment on column reporting.sync_logs.attempts is 'How often it was begun.';
comment on column reporting.sync_logs.run_id is 'The Dagster run that worked on it last.';
comment on column reporting.sync_logs.log_id is 'TikTok''s id of the answer that failed; its support asks for it.';

-- What succeeds later is captured and leaves by itself; what is not mended by the end of its day becomes a gap.
create view reporting.failed_captures as
select
    d.reason,
    d.error_code,
    d.endpoint,
    count(*)::integer as account_days,
    count(distinct d.account_id)::integer as accounts,
    bool_and(d.final) as final,
    min(coalesce(d.started_at, d.planned_at)) as oldest_at,
    max(d.finished_at) as newest_at,
    date_trunc('second', ops.now() - min(coalesce(d.started_at, d.planned_at))) as oldest_age,
    max(d.day) as newest_day,
    (array_agg(a.store_code order by d.finished_at desc, d.account_id))[1] as example_store_code,
    (array_agg(d.account_id order by d.finished_at desc, d.account_id))[1] as example_account_id,
    (array_agg(d.error_message order by d.finished_at desc, d.account_id))[1] as example_message,
    (array_agg(d.log_id order by d.finished_at desc, d.account_id))[1] as example_log_id
from capture.account_day as d
inner join hub.store_accounts as a on a.id = d.account_id
where d.state = 'failed'
group by
    d.reason,
    d.error_code,
    d.endpoint;

comment on view reporting.failed_captures is
'One row per cause for which account-days are failed now: of today, or of a past day that no run has closed yet.';
comment on column reporting.failed_captures.reason is 'The cause, of the closed list; the gap''s reason if it stays so.';
comment on column reporting.failed_captures.error_code is 'TikTok''s error code, or ours in its style.';
comment on column reporting.failed_captures.endpoint is 'user_info (profile) or video_list (videos).';
comment on column reporting.failed_captures.account_days is 'How many account-days.';
comment on column reporting.failed_captures.accounts is 'How many accounts.';
comment on column reporting.failed_captures.final is 'Nothing tries them again by itself.';
comment on column reporting.failed_captures.oldest_at is 'When the oldest of them was tried first.';
comment on column reporting.failed_captures.newest_at is 'When the newest of them failed.';
comment on column reporting.failed_captures.oldest_age is 'For how long the oldest of them has not succeeded.';
comment on column reporting.failed_captures.newest_day is 'The newest day among them; a day before today cannot be tried.';
comment on column reporting.failed_captures.example_store_code is 'Store of the newest of them.';
comment on column reporting.failed_captures.example_account_id is 'Account of the newest of them.';
comment on column reporting.failed_captures.example_message is 'What went wrong with the newest of them, in words.';
comment on column reporting.failed_captures.example_log_id is 'TikTok''s id of its answer; its support asks for it.';
