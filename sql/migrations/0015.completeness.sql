-- Proof that a day's list of videos is complete, videos that vanish, and counters that fall.
-- depends: 0005.quota 0011.reporting

-- A day's rows are found without reading the month; they lie side by side, as they were derived together.
create index tiktok_video_daily_by_date on snapshots.tiktok_video_daily
using brin (snapshot_date) with (pages_per_range = 16, autosummarize = on);

create table snapshots.threshold (
    name text primary key,
    value numeric not null,
    meaning text not null
);

comment on table snapshots.threshold is 'The numbers by which captures, videos and falling counters are judged.';
comment on column snapshots.threshold.name is 'The number''s name.';
comment on column snapshots.threshold.value is 'The number.';
comment on column snapshots.threshold.meaning is 'What it decides, with its unit.';

insert into snapshots.threshold (name, value, meaning) values
('short_videos', 1, 'videos that a complete list may lack of those expected, when short_from or more are expected'),
('short_share', 0.05, 'share of the expected videos that a complete list may lack, when that is more videos'),
('short_from', 10, 'videos: of fewer that are expected, a complete list lacks none'),
('profile_minutes', 60, 'minutes between a profile and a list within which their counts are compared'),
('gone_after', 3, 'complete captures without a video until it is gone (setting VIDEO_GONE_AFTER)'),
('gone_days', 3, 'days around a video''s vanishing or return within which a fall belongs to that'),
('zero_from', 1000, 'a counter of at least this many that falls to zero is the provider''s fault'),
('purge_accounts', 5, 'accounts that lose likes or followers on one day, at least, for a purge'),
('purge_share', 0.2, 'share of the accounts observed that day that lose likes or followers, at least, for a purge');

create function snapshots.threshold_of(wanted text) returns numeric
language sql stable parallel safe
as 'select t.value from snapshots.threshold as t where t.name = wanted';

create table snapshots.account_day_verdict (
    store_code varchar(50) not null references hub.stores (store_code) on update cascade on delete cascade,
    account_id bigint not null,
    snapshot_date date not null,
    verdict text not null check (verdict in ('COMPLETE', 'TRUNCATED', 'UNSTABLE', 'IMPORTED')),
    reason text not null,
    pages integer not null,
    listed_videos integer not null,
    distinct_videos integer not null,
    duplicates integer not null,
    video_count bigint,
    difference bigint generated always as (distinct_videos - video_count) stored,
    chain_closed boolean,
    first_cursor bigint,
    last_cursor bigint,
    source text not null check (source in ('capture', 'import')),
    late boolean not null,
    capture_no smallint not null,
    created_at timestamptz not null default ops.now(),
    check ((verdict = 'IMPORTED') = (source = 'import')),
    check (verdict <> 'COMPLETE' or chain_closed),
    primary key (account_id, snapshot_date)
);

create index account_day_verdict_by_date on snapshots.account_day_verdict (snapshot_date);

comment on table snapshots.account_day_verdict is
'One row per account and day with a list of videos: whether that list is proven complete.';
comment on column snapshots.account_day_verdict.store_code is 'The store that the account belongs to.';
comment on column snapshots.account_day_verdict.account_id is 'The account: hub.store_accounts.id.';
comment on column snapshots.account_day_verdict.snapshot_date is 'The day in the reporting time zone.';
comment on column snapshots.account_day_verdict.verdict is
'COMPLETE; TRUNCATED: it ends early; UNSTABLE: it changed while it was read; IMPORTED: nobody here can tell.';
comment on column snapshots.account_day_verdict.reason is 'Why, in words.';
comment on column snapshots.account_day_verdict.pages is 'Pages of the capture; 0 for an import.';
comment on column snapshots.account_day_verdict.listed_videos is 'Videos on these pages, repetitions included.';
comment on column snapshots.account_day_verdict.distinct_videos is 'Different videos on these pages.';
comment on column snapshots.account_day_verdict.duplicates is 'Repetitions of a video, those at a page''s border included.';
comment on column snapshots.account_day_verdict.video_count is
'What the profile counted within the hour; NULL when there is no such profile.';
comment on column snapshots.account_day_verdict.difference is
'Different videos less video_count; they may differ honestly by a few. NULL: unknown.';
comment on column snapshots.account_day_verdict.chain_closed is
'Pages without hole, cursors that fall, an end that TikTok called the end; NULL for an import.';
comment on column snapshots.account_day_verdict.first_cursor is 'Where the first page led on, unix milliseconds.';
comment on column snapshots.account_day_verdict.last_cursor is 'Where the page before the last led on, unix milliseconds.';
comment on column snapshots.account_day_verdict.source is 'capture, or import for history that came from elsewhere.';
comment on column snapshots.account_day_verdict.late is 'Captured after the day had ended, within the grace.';
comment on column snapshots.account_day_verdict.capture_no is 'Which capture of the day this is; 0 for an import.';
comment on column snapshots.account_day_verdict.created_at is 'When this row was first derived.';

create table capture.video_query (
    id bigint generated always as identity primary key,
    account_id bigint not null references hub.store_accounts (id) on delete cascade,
    day date not null,
    time_zone text not null,
    asked text[] not null check (cardinality(asked) between 1 and 20),
    body jsonb not null,
    observed_at timestamptz not null default ops.now(),
    log_id text,
    run_id text,
    constraint observed_in_its_day check (
        observed_at >= day::timestamp at time zone time_zone
        and observed_at < (day + 1)::timestamp at time zone time_zone + interval '12 hours'
    )
);

create index video_query_by_account on capture.video_query (account_id, day);

comment on table capture.video_query is 'One row per answer of video/query: which of the vanished videos still exist.';
comment on column capture.video_query.id is 'In order of arrival.';
comment on column capture.video_query.account_id is 'The account: hub.store_accounts.id.';
comment on column capture.video_query.day is 'The business day in the reporting time zone.';
comment on column capture.video_query.time_zone is 'The reporting time zone that the day is a day of.';
comment on column capture.video_query.asked is 'The videos that were asked after, at most 20.';
comment on column capture.video_query.body is 'The whole answer; a video that does not exist any more is absent.';
comment on column capture.video_query.observed_at is 'When the answer arrived, by the database''s clock.';
comment on column capture.video_query.log_id is 'TikTok''s id of the answer.';
comment on column capture.video_query.run_id is 'The Dagster run that asked.';

create function capture.query_of_now() returns trigger
language plpgsql
as $$
begin
    if tg_op = 'UPDATE' then
        raise exception 'capture.video_query: what TikTok answered is never changed'
            using errcode = 'check_violation', constraint = 'query_of_now';
    end if;
    perform ops.require_now('capture.video_query.observed_at', new.observed_at);
    return new;
end
$$;

create trigger query_of_now before insert or update on capture.video_query
for each row execute function capture.query_of_now();

create table snapshots.video_change (
    store_code varchar(50) not null references hub.stores (store_code) on update cascade on delete cascade,
    account_id bigint not null,
    video_id text not null,
    snapshot_date date not null,
    listed boolean not null,
    previous_date date,
    created_at timestamptz not null default ops.now(),
    primary key (account_id, video_id, snapshot_date)
);

create index video_change_by_date on snapshots.video_change (snapshot_date);

comment on table snapshots.video_change is
'One row per video and day on which it came onto its account''s list, or was not on it any more.';
comment on column snapshots.video_change.store_code is 'The store that the account belongs to.';
comment on column snapshots.video_change.account_id is 'The account: hub.store_accounts.id.';
comment on column snapshots.video_change.video_id is 'TikTok''s id of the video.';
comment on column snapshots.video_change.snapshot_date is 'The day of the list, in the reporting time zone.';
comment on column snapshots.video_change.listed is 'true: it is on the list and was not on the one before; false: the other way round.';
comment on column snapshots.video_change.previous_date is 'The day of the account''s list before; NULL when this is the first.';
comment on column snapshots.video_change.created_at is 'When this row was first derived.';

create index video_change_unlisted on snapshots.video_change (account_id, snapshot_date) where not listed;

-- Whether a list proves an absence is judged here, by its verdict: what is not on a list that was cut off or changed
-- under our hands is not missing.
create view snapshots.video_absence as
select
    c.store_code,
    c.account_id,
    c.video_id,
    c.previous_date as last_seen,
    c.snapshot_date as since,
    r.snapshot_date as until,
    v.missing_since,
    v.complete_captures
from snapshots.video_change as c
left join lateral (
    select min(n.snapshot_date) as snapshot_date
    from snapshots.video_change as n
    where
        n.account_id = c.account_id
        and n.video_id = c.video_id
        and n.snapshot_date > c.snapshot_date
) as r on true
left join lateral (
    select
        min(d.snapshot_date) as missing_since,
        count(*)::integer as complete_captures
    from snapshots.account_day_verdict as d
    where
        d.account_id = c.account_id
        and d.verdict = 'COMPLETE'
        and d.snapshot_date >= c.snapshot_date
        and (r.snapshot_date is null or d.snapshot_date < r.snapshot_date)
) as v on true
where not c.listed;

comment on view snapshots.video_absence is
'One row per stretch of lists without a video that was listed before; proven when a complete list is among them.';
comment on column snapshots.video_absence.store_code is 'The store that the account belongs to.';
comment on column snapshots.video_absence.account_id is 'The account: hub.store_accounts.id.';
comment on column snapshots.video_absence.video_id is 'TikTok''s id of the video.';
comment on column snapshots.video_absence.last_seen is 'The day of the last list with it.';
comment on column snapshots.video_absence.since is 'The day of the first list without it.';
comment on column snapshots.video_absence.until is 'The day on which it was listed again; NULL: not yet.';
comment on column snapshots.video_absence.missing_since is 'The first day whose complete list lacks it; NULL: none does.';
comment on column snapshots.video_absence.complete_captures is 'Days whose complete list lacks it.';

-- A state follows from lists, verdicts and answers of video/query alone.
create view snapshots.video_presence as
with videos as (
    select
        store_code,
        account_id,
        video_id,
        min(snapshot_date) filter (where listed) as first_seen
    from snapshots.video_change
    group by
        store_code,
        account_id,
        video_id
),

absences as (
    select
        account_id,
        video_id,
        bool_or(complete_captures > 0) filter (where until is not null) as was_missing,
        max(last_seen) filter (where until is null) as last_seen,
        max(missing_since) filter (where until is null) as missing_since,
        max(complete_captures) filter (where until is null) as complete_captures
    from snapshots.video_absence
    group by
        account_id,
        video_id
)

select
    v.store_code,
    v.account_id,
    v.video_id,
    case
        when a.missing_since is null then case when a.was_missing then 'back' else 'present' end
        when a.complete_captures >= snapshots.threshold_of('gone_after') and not q.found then 'gone'
        else 'missing'
    end as state,
    v.first_seen,
    coalesce(a.last_seen, l.last_date) as last_seen,
    a.missing_since,
    coalesce(a.complete_captures, 0) as complete_captures_without,
    q.observed_at as queried_at,
    q.found as found_by_query
from videos as v
inner join (
    select
        account_id,
        max(snapshot_date) as last_date
    from snapshots.account_day_verdict
    group by account_id
) as l on v.account_id = l.account_id
left join absences as a
    on
        v.account_id = a.account_id
        and v.video_id = a.video_id
left join lateral (
    select
        e.observed_at,
        e.body @> jsonb_build_object(
            'data', jsonb_build_object('videos', jsonb_build_array(jsonb_build_object('id', v.video_id)))
        ) as found
    from capture.video_query as e
    where
        e.account_id = v.account_id
        and e.day >= a.missing_since
        and v.video_id = any(e.asked)
    order by e.id desc
    limit 1
) as q on a.missing_since is not null;

comment on view snapshots.video_presence is
'One row per video: whether its account still lists it, by all that was captured and asked so far.';
comment on column snapshots.video_presence.store_code is 'The store that the account belongs to.';
comment on column snapshots.video_presence.account_id is 'The account: hub.store_accounts.id.';
comment on column snapshots.video_presence.video_id is 'TikTok''s id of the video.';
comment on column snapshots.video_presence.state is
'present; missing: a complete list lacks it; gone: several lack it and video/query does not find it; '
'back: listed again after it was missing.';
comment on column snapshots.video_presence.first_seen is 'The first day on whose list it is.';
comment on column snapshots.video_presence.last_seen is 'The last day on whose list it is.';
comment on column snapshots.video_presence.missing_since is 'The first day whose complete list lacks it; NULL unless missing or gone.';
comment on column snapshots.video_presence.complete_captures_without is 'Days whose complete list lacks it, since then.';
comment on column snapshots.video_presence.queried_at is 'When TikTok was last asked after it since then.';
comment on column snapshots.video_presence.found_by_query is 'Whether TikTok then still knew it.';

create table snapshots.counter_fall (
    store_code varchar(50) not null references hub.stores (store_code) on update cascade on delete cascade,
    account_id bigint not null,
    video_id text not null,
    snapshot_date date not null,
    counter text not null,
    before bigint not null,
    after bigint not null,
    previous_date date not null,
    created_at timestamptz not null default ops.now(),
    check (after < before),
    primary key (account_id, video_id, snapshot_date, counter)
);

create index counter_fall_by_date on snapshots.counter_fall (snapshot_date);

comment on table snapshots.counter_fall is
'One row per counter and day on which it is lower than in the account''s observation before.';
comment on column snapshots.counter_fall.store_code is 'The store that the account belongs to.';
comment on column snapshots.counter_fall.account_id is 'The account: hub.store_accounts.id.';
comment on column snapshots.counter_fall.video_id is 'TikTok''s id of the video; empty for a counter of the account itself.';
comment on column snapshots.counter_fall.snapshot_date is 'The day in the reporting time zone.';
comment on column snapshots.counter_fall.counter is 'view_count, like_count, … of a video; follower_count, likes_count, … of an account.';
comment on column snapshots.counter_fall.before is 'What it was.';
comment on column snapshots.counter_fall.after is 'What it is; the snapshot rows keep it as TikTok gave it.';
comment on column snapshots.counter_fall.previous_date is 'The day of the observation before.';
comment on column snapshots.counter_fall.created_at is 'When this row was first derived.';

create view reporting.counter_falls as
with purges as (
    select
        snapshot_date,
        count(distinct account_id) as accounts
    from snapshots.counter_fall
    where counter in ('like_count', 'likes_count', 'follower_count')
    group by snapshot_date
),

observed as (
    select
        snapshot_date,
        count(distinct account_id) as accounts
    from (
        select
            snapshot_date,
            account_id
        from snapshots.tiktok_user_daily
        union all
        select
            snapshot_date,
            account_id
        from snapshots.account_day_verdict
    ) as seen
    group by snapshot_date
),

-- The days around a proven vanishing, and around the return after it.
around as materialized (
    select
        a.account_id,
        a.video_id,
        e.day + n.days as day,
        bool_or(e.vanished) as vanished
    from snapshots.video_absence as a
    cross join lateral (values (a.since, true), (a.until, false)) as e (day, vanished)
    cross join generate_series(
        -snapshots.threshold_of('gone_days')::integer, snapshots.threshold_of('gone_days')::integer
    ) as n (days)
    where
        a.complete_captures > 0
        and e.day is not null
    group by
        a.account_id,
        a.video_id,
        e.day + n.days
),

accounts_around as (
    select distinct
        account_id,
        day
    from around
    where vanished
)

select
    f.store_code,
    f.account_id,
    nullif(f.video_id, '') as video_id,
    f.snapshot_date,
    f.previous_date,
    f.counter,
    f.before,
    f.after,
    f.before - f.after as fall,
    case
        when v.account_id is not null then 'gone'
        when a.account_id is not null and f.counter in ('likes_count', 'video_count') then 'gone'
        when f.counter in ('view_count', 'share_count') then 'provider_fault'
        when f.after = 0 and f.before >= snapshots.threshold_of('zero_from') then 'provider_fault'
        when
            f.counter in ('like_count', 'likes_count', 'follower_count')
            and p.accounts >= snapshots.threshold_of('purge_accounts')
            and p.accounts >= o.accounts * snapshots.threshold_of('purge_share')
            then 'purge'
        else 'plain'
    end as class,
    f.counter in ('view_count', 'share_count') as suspicious
from snapshots.counter_fall as f
left join purges as p on f.snapshot_date = p.snapshot_date
left join observed as o on f.snapshot_date = o.snapshot_date
left join around as v
    on
        f.account_id = v.account_id
        and f.video_id = v.video_id
        and f.snapshot_date = v.day
left join accounts_around as a
    on
        f.video_id = ''
        and f.account_id = a.account_id
        and f.snapshot_date = a.day;

comment on view reporting.counter_falls is
'One row per counter and day on which it fell, with what kind of fall that is. What TikTok said is kept everywhere.';
comment on column reporting.counter_falls.store_code is 'The store that the account belongs to.';
comment on column reporting.counter_falls.account_id is 'The account: hub.store_accounts.id.';
comment on column reporting.counter_falls.video_id is 'TikTok''s id of the video; NULL for a counter of the account itself.';
comment on column reporting.counter_falls.snapshot_date is 'The day in the reporting time zone.';
comment on column reporting.counter_falls.previous_date is 'The day of the observation before.';
comment on column reporting.counter_falls.counter is 'Which counter.';
comment on column reporting.counter_falls.before is 'What it was.';
comment on column reporting.counter_falls.after is 'What it is.';
comment on column reporting.counter_falls.fall is 'How much it lost.';
comment on column reporting.counter_falls.class is
'gone: around a video''s vanishing or return; provider_fault: views or shares, or a large counter at zero; '
'purge: likes or followers of many accounts that day; plain: what people do.';
comment on column reporting.counter_falls.suspicious is 'Views and shares, which never fall by themselves.';
