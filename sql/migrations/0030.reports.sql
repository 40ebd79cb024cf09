-- The facts that reports are made of, with the deltas between one observation and the next.
-- depends: 0024.quality

create table reporting.account_daily (
    store_code varchar(50) not null references hub.stores (store_code) on update cascade on delete cascade,
    account_id bigint not null,
    open_id text not null,
    snapshot_date date not null,
    follower_count bigint,
    following_count bigint,
    likes_count bigint,
    video_count bigint,
    previous_date date,
    span_days integer,
    follower_delta bigint,
    following_delta bigint,
    likes_delta bigint,
    video_delta bigint,
    observed_at timestamptz,
    source text not null check (source in ('capture', 'import')),
    late boolean not null,
    quarantined boolean not null,
    created_at timestamptz not null default ops.now(),
    primary key (store_code, open_id, snapshot_date),
    check (span_days = snapshot_date - previous_date)
) partition by range (snapshot_date);

create index account_daily_by_date on reporting.account_daily (snapshot_date);

comment on table reporting.account_daily is
'One row per account and day with a profile: its counters, and what they gained since the observation before.';
comment on column reporting.account_daily.store_code is 'The store that the account belongs to.';
comment on column reporting.account_daily.account_id is 'The account: hub.store_accounts.id.';
comment on column reporting.account_daily.open_id is 'TikTok''s id of the account.';
comment on column reporting.account_daily.snapshot_date is 'The day in the reporting time zone.';
comment on column reporting.account_daily.follower_count is 'Followers; NULL when TikTok did not say, or quarantined.';
comment on column reporting.account_daily.following_count is
'Accounts followed; NULL when TikTok did not say, or quarantined.';
comment on column reporting.account_daily.likes_count is
'Likes over all videos; NULL when TikTok did not say, or quarantined.';
comment on column reporting.account_daily.video_count is
'Public videos by TikTok''s own count; NULL when TikTok did not say, or quarantined.';
comment on column reporting.account_daily.previous_date is
'The day of the observation before, that the deltas count from; NULL: this is the first, a baseline.';
comment on column reporting.account_daily.span_days is 'Days that the deltas span: 1 without a gap; NULL with a baseline.';
comment on column reporting.account_daily.follower_delta is 'Followers gained over span_days; below zero when lost.';
comment on column reporting.account_daily.following_delta is 'Accounts followed more than before, over span_days.';
comment on column reporting.account_daily.likes_delta is 'Likes gained over span_days; below zero when they fell.';
comment on column reporting.account_daily.video_delta is 'Public videos more than before, over span_days.';
comment on column reporting.account_daily.observed_at is 'When the counters were read.';
comment on column reporting.account_daily.source is 'capture, or import for history that came from elsewhere.';
comment on column reporting.account_daily.late is 'Read after the day had ended, within the grace.';
comment on column reporting.account_daily.quarantined is
'A check found the profile of this day wrong: it has no numbers here, and no delta counts from it.';
comment on column reporting.account_daily.created_at is 'When this row was first derived.';

create table reporting.video_daily (
    store_code varchar(50) not null references hub.stores (store_code) on update cascade on delete cascade,
    account_id bigint not null,
    video_id text not null,
    snapshot_date date not null,
    create_time timestamptz,
    age_days integer,
    view_count bigint,
    like_count bigint,
    comment_count bigint,
    share_count bigint,
    engagement_rate double precision,
    previous_date date,
    span_days integer,
    view_delta bigint,
    like_delta bigint,
    comment_delta bigint,
    share_delta bigint,
    observed_at timestamptz,
    source text not null check (source in ('capture', 'import')),
    late boolean not null,
    quarantined boolean not null,
    created_at timestamptz not null default ops.now(),
    primary key (store_code, video_id, snapshot_date),
    check (span_days = snapshot_date - previous_date)
) partition by range (snapshot_date);

create index video_daily_by_store on reporting.video_daily (store_code, snapshot_date);
create index video_daily_by_date on reporting.video_daily (snapshot_date, view_delta desc nulls last);
create index video_daily_by_video on reporting.video_daily (video_id, snapshot_date);

comment on table reporting.video_daily is
'One row per public video and day: its counters, and what they gained since the observation before.';
comment on column reporting.video_daily.store_code is 'The store that the video''s account belongs to.';
comment on column reporting.video_daily.account_id is 'The account: hub.store_accounts.id.';
comment on column reporting.video_daily.video_id is 'TikTok''s id of the video.';
comment on column reporting.video_daily.snapshot_date is 'The day in the reporting time zone.';
comment on column reporting.video_daily.create_time is 'When the video was posted.';
comment on column reporting.video_daily.age_days is
'Days from the one on which it was posted, in the reporting time zone, to this one; 0 on the day itself.';
comment on column reporting.video_daily.view_count is 'Views so far; NULL when TikTok did not say, or quarantined.';
comment on column reporting.video_daily.like_count is 'Likes so far; NULL when TikTok did not say, or quarantined.';
comment on column reporting.video_daily.comment_count is 'Comments so far; NULL when TikTok did not say, or quarantined.';
comment on column reporting.video_daily.share_count is 'Shares so far; NULL when TikTok did not say, or quarantined.';
comment on column reporting.video_daily.engagement_rate is
'(likes + comments + shares) / views, all so far; NULL without a view, or when one of the four is not known.';
comment on column reporting.video_daily.previous_date is
'The day of the observation before, that the deltas count from; NULL: this is the first, a baseline.';
comment on column reporting.video_daily.span_days is 'Days that the deltas span: 1 without a gap; NULL with a baseline.';
comment on column reporting.video_daily.view_delta is 'Views gained over span_days; below zero when they fell.';
comment on column reporting.video_daily.like_delta is 'Likes gained over span_days; below zero when they fell.';
comment on column reporting.video_daily.comment_delta is 'Comments gained over span_days; below zero when they fell.';
comment on column reporting.video_daily.share_delta is 'Shares gained over span_days; below zero when they fell.';
comment on column reporting.video_daily.observed_at is 'When the counters were read.';
comment on column reporting.video_daily.source is 'capture, or import for history that came from elsewhere.';
comment on column reporting.video_daily.late is 'Read after the day had ended, within the grace.';
comment on column reporting.video_daily.quarantined is
'A check found the list of this day wrong: its videos have no numbers here, and no delta counts from it.';
comment on column reporting.video_daily.created_at is 'When this row was first derived.';

-- As before, and of the facts of reports too.
create or replace function ops.ensure_partitions(first date, last date) returns integer
language plpgsql
as $$
declare
    parent regclass;
    month date;
    name text;
    made integer := 0;
begin
    perform pg_advisory_xact_lock(7011002);
    foreach parent in array
        array[
            'capture.user_info', 'capture.video_list', 'snapshots.tiktok_video_daily',
            'reporting.account_daily', 'reporting.video_daily'
        ]::regclass[]
    loop
        month := date_trunc('month', first);
        while month <= last loop
            name := format('%s_%s', parent, to_char(month, 'YYYY_MM'));
            if to_regclass(name) is null then
                -- A compressed page of videos has 4 kB: it stays in its row instead of going to a side table.
                execute format('create table %s (like %s including all) with (toast_tuple_target = 8160)', name, parent);
                execute format(
                    'alter table %s attach partition %s for values from (%L) to (%L)',
                    parent, name, month, (month + interval '1 month')::date
                );
                made := made + 1;
            end if;
            month := month + interval '1 month';
        end loop;
    end loop;
    return made;
end
$$;

do $$
begin
    perform ops.ensure_partitions((ops.now() - interval '1 month')::date, (ops.now() + interval '3 months')::date);
end
$$;

-- Of an account that was not observed there is no number to add: a sum over the others would look like lost followers.
create view reporting.store_daily as
with expected as (
    select
        a.store_code,
        d.day as snapshot_date,
        d.account_id
    from capture.account_day as d
    inner join hub.store_accounts as a on a.id = d.account_id
    where
        d.endpoint = 'user_info'
        and d.reason is distinct from 'not_yet_connected'
        and d.reason is distinct from 'cancelled'
    union
    select
        store_code,
        snapshot_date,
        account_id
    from reporting.account_daily
),

accounts as (
    select
        e.store_code,
        e.snapshot_date,
        count(*)::integer as accounts_expected,
        count(f.follower_count)::integer as accounts_observed,
        (count(*) filter (where f.quarantined))::integer as accounts_quarantined,
        sum(f.follower_count)::bigint as observed_follower_count,
        sum(f.likes_count)::bigint as observed_likes_count,
        sum(f.video_count)::bigint as observed_video_count,
        count(f.likes_count) as likes_observed,
        count(f.video_count) as videos_observed,
        count(f.previous_date)::integer as accounts_with_delta,
        max(f.span_days) as longest_span_days,
        sum(f.follower_delta)::bigint as follower_delta,
        sum(f.likes_delta)::bigint as likes_delta,
        sum(f.video_delta)::bigint as video_delta,
        coalesce(bool_or(f.source = 'import'), false) as has_imported,
        coalesce(bool_or(f.late), false) as has_late
    from expected as e
    left join reporting.account_daily as f
        on
            e.store_code = f.store_code
            and e.account_id = f.account_id
            and e.snapshot_date = f.snapshot_date
    group by
        e.store_code,
        e.snapshot_date
),

videos as (
    select
        store_code,
        snapshot_date,
        count(*)::integer as videos_listed,
        sum(view_delta)::bigint as view_delta,
        sum(like_delta)::bigint as video_like_delta,
        sum(comment_delta)::bigint as comment_delta,
        sum(share_delta)::bigint as share_delta,
        sum(like_count + comment_count + share_count) filter (where engagement_rate is not null)::float8
        / nullif(sum(view_count) filter (where engagement_rate is not null), 0)::float8 as engagement_rate
    from reporting.video_daily
    group by
        store_code,
        snapshot_date
)

select
    a.store_code,
    a.snapshot_date,
    a.accounts_expected,
    a.accounts_observed,
    a.accounts_quarantined,
    a.accounts_expected = a.accounts_observed as is_complete,
    case when a.accounts_observed = a.accounts_expected then a.observed_follower_count end as follower_count,
    case when a.likes_observed = a.accounts_expected then a.observed_likes_count end as likes_count,
    case when a.videos_observed = a.accounts_expected then a.observed_video_count end as video_count,
    a.observed_follower_count,
    a.observed_likes_count,
    a.observed_video_count,
    a.accounts_with_delta,
    a.longest_span_days,
    a.follower_delta,
    a.likes_delta,
    a.video_delta,
    coalesce(v.videos_listed, 0) as videos_listed,
    v.view_delta,
    v.video_like_delta,
    v.comment_delta,
    v.share_delta,
    v.engagement_rate,
    a.has_imported,
    a.has_late
from accounts as a
left join videos as v
    on
        a.store_code = v.store_code
        and a.snapshot_date = v.snapshot_date;

comment on view reporting.store_daily is
'One row per store and day on which it had accounts to observe: sums over its accounts, and how many were observed.';
comment on column reporting.store_daily.store_code is 'The store.';
comment on column reporting.store_daily.snapshot_date is 'The day in the reporting time zone.';
comment on column reporting.store_daily.accounts_expected is
'Its accounts on that day: in the ledger and neither switched off nor not yet connected, or with a row in account_daily.';
comment on column reporting.store_daily.accounts_observed is 'How many of them have a number of followers.';
comment on column reporting.store_daily.accounts_quarantined is 'How many of them are quarantined on that day.';
comment on column reporting.store_daily.is_complete is 'Whether all of its accounts were observed.';
comment on column reporting.store_daily.follower_count is
'Followers over all of its accounts; NULL unless each was observed: fewer accounts are not fewer followers.';
comment on column reporting.store_daily.likes_count is 'Likes over all of its accounts; NULL unless each is known.';
comment on column reporting.store_daily.video_count is 'Public videos over all of its accounts; NULL unless each is known.';
comment on column reporting.store_daily.observed_follower_count is 'Followers over the accounts that were observed.';
comment on column reporting.store_daily.observed_likes_count is 'Likes over the accounts that were observed.';
comment on column reporting.store_daily.observed_video_count is 'Public videos over the accounts that were observed.';
comment on column reporting.store_daily.accounts_with_delta is
'How many accounts the deltas are of: observed, and observed before.';
comment on column reporting.store_daily.longest_span_days is 'The most days that one of these deltas spans; 1 without a gap.';
comment on column reporting.store_daily.follower_delta is
'Followers gained: each account against itself before, summed. An account without an observation adds nothing.';
comment on column reporting.store_daily.likes_delta is 'Likes gained by the profiles, summed in the same way.';
comment on column reporting.store_daily.video_delta is 'Public videos more than before, summed in the same way.';
comment on column reporting.store_daily.videos_listed is 'Videos on the lists of that day.';
comment on column reporting.store_daily.view_delta is 'Views gained by its videos, each against itself before, summed.';
comment on column reporting.store_daily.video_like_delta is 'Likes gained by its videos, summed in the same way.';
comment on column reporting.store_daily.comment_delta is 'Comments gained by its videos, summed in the same way.';
comment on column reporting.store_daily.share_delta is 'Shares gained by its videos, summed in the same way.';
comment on column reporting.store_daily.engagement_rate is
'(likes + comments + shares) / views, all so far, over the videos for which these are known.';
comment on column reporting.store_daily.has_imported is 'Whether one of its profiles was imported.';
comment on column reporting.store_daily.has_late is 'Whether one of its profiles was read late, within the grace.';
