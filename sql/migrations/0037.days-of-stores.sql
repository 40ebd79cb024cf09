-- Stores' days out of the sums of their videos; and the newest observation of each video, kept as it comes.
-- depends: 0036.sums-of-videos

-- What was there before the sums were kept; whatever is derived meanwhile has been summed already.
insert into reporting.account_videos_daily (
    store_code, account_id, snapshot_date, videos_listed,
    view_delta, like_delta, comment_delta, share_delta, rated_views, rated_engagements
)
select
    store_code,
    account_id,
    snapshot_date,
    count(*),
    sum(view_delta),
    sum(like_delta),
    sum(comment_delta),
    sum(share_delta),
    sum(view_count) filter (where engagement_rate is not null),
    sum(like_count + comment_count + share_count) filter (where engagement_rate is not null)
from reporting.video_daily
group by
    store_code,
    account_id,
    snapshot_date
on conflict do nothing;

-- Every part is a row of its own before all are summed, so that a question's stores and days are looked up in each of them.
create or replace view reporting.store_daily as
with parts as (
    select
        a.store_code,
        d.day as snapshot_date,
        d.account_id,
        true as expected,
        null::bigint as follower_count,
        null::bigint as likes_count,
        null::bigint as video_count,
        null::date as previous_date,
        null::integer as span_days,
        null::bigint as follower_delta,
        null::bigint as likes_delta,
        null::bigint as video_delta,
        null::boolean as quarantined,
        null::boolean as imported,
        null::boolean as late,
        null::integer as videos_listed,
        null::bigint as view_delta,
        null::bigint as video_like_delta,
        null::bigint as comment_delta,
        null::bigint as share_delta,
        null::bigint as rated_views,
        null::bigint as rated_engagements
    from capture.account_day as d
    inner join hub.store_accounts as a on a.id = d.account_id
    where
        d.endpoint = 'user_info'
        and d.reason is distinct from 'not_yet_connected'
        and d.reason is distinct from 'cancelled'
    union all
    select
        store_code,
        snapshot_date,
        account_id,
        true,
        follower_count,
        likes_count,
        video_count,
        previous_date,
        span_days,
        follower_delta,
        likes_delta,
        video_delta,
        quarantined,
        source = 'import',
        late,
        null,
        null,
        null,
        null,
        null,
        null,
        null
    from reporting.account_daily
    union all
    select
        store_code,
        snapshot_date,
        account_id,
        false,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        videos_listed,
        view_delta,
        like_delta,
        comment_delta,
        share_delta,
        rated_views,
        rated_engagements
    from reporting.account_videos_daily
),

sums as (
    select
        store_code,
        snapshot_date,
        (count(distinct account_id) filter (where expected))::integer as accounts_expected,
        count(follower_count)::integer as accounts_observed,
        (count(*) filter (where quarantined))::integer as accounts_quarantined,
        sum(follower_count)::bigint as observed_follower_count,
        sum(likes_count)::bigint as observed_likes_count,
        sum(video_count)::bigint as observed_video_count,
        count(likes_count) as likes_observed,
        count(video_count) as videos_observed,
        count(previous_date)::integer as accounts_with_delta,
        max(span_days) as longest_span_days,
        sum(follower_delta)::bigint as follower_delta,
        sum(likes_delta)::bigint as likes_delta,
        sum(video_delta)::bigint as video_delta,
        coalesce(sum(videos_listed), 0)::integer as videos_listed,
        sum(view_delta)::bigint as view_delta,
        sum(video_like_delta)::bigint as video_like_delta,
        sum(comment_delta)::bigint as comment_delta,
        sum(share_delta)::bigint as share_delta,
        sum(rated_engagements)::float8 / nullif(sum(rated_views), 0)::float8 as engagement_rate,
        coalesce(bool_or(imported), false) as has_imported,
        coalesce(bool_or(late), false) as has_late
    from parts
    group by
        store_code,
        snapshot_date
    having bool_or(expected)
)

select
    store_code,
    snapshot_date,
    accounts_expected,
    accounts_observed,
    accounts_quarantined,
    accounts_expected = accounts_observed as is_complete,
    case when accounts_observed = accounts_expected then observed_follower_count end as follower_count,
    case when likes_observed = accounts_expected then observed_likes_count end as likes_count,
    case when videos_observed = accounts_expected then observed_video_count end as video_count,
    observed_follower_count,
    observed_likes_count,
    observed_video_count,
    accounts_with_delta,
    longest_span_days,
    follower_delta,
    likes_delta,
    video_delta,
    videos_listed,
    view_delta,
    video_like_delta,
    comment_delta,
    share_delta,
    engagement_rate,
    has_imported,
    has_late
from sums;

-- Month by month: a question about one of them looks into that one alone.
create or replace view reporting.store_monthly as
with known as (
    select
        least(
            (select min(day) from capture.account_day where endpoint = 'user_info'),
            (select min(snapshot_date) from reporting.account_daily)
        ) as first,
        greatest(
            (select max(day) from capture.account_day where endpoint = 'user_info'),
            (select max(snapshot_date) from reporting.account_daily)
        ) as last
)

select
    s.store_code,
    m.month::date as month,
    s.days,
    s.complete_days,
    s.follower_count,
    s.follower_delta,
    s.likes_delta,
    s.video_delta,
    s.view_delta,
    s.longest_span_days
from known as k
cross join lateral generate_series(
    date_trunc('month', k.first::timestamp), k.last::timestamp, interval '1 month'
) as m (month)
cross join lateral (
    select
        store_code,
        count(*)::integer as days,
        (count(*) filter (where is_complete))::integer as complete_days,
        (array_agg(follower_count order by snapshot_date desc) filter (where follower_count is not null))[1]
        as follower_count,
        sum(follower_delta)::bigint as follower_delta,
        sum(likes_delta)::bigint as likes_delta,
        sum(video_delta)::bigint as video_delta,
        sum(view_delta)::bigint as view_delta,
        max(longest_span_days) as longest_span_days
    from reporting.store_daily
    where
        snapshot_date >= m.month::date
        and snapshot_date < (m.month + interval '1 month')::date
    group by store_code
) as s;

drop view reporting.posting_time;
drop view reporting.video_latest;

create table reporting.video_latest (
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
    primary key (store_code, video_id)
);

comment on table reporting.video_latest is 'One row per video: its newest observation that is not quarantined.';
comment on column reporting.video_latest.store_code is 'The store that the video''s account belongs to.';
comment on column reporting.video_latest.account_id is 'The account: hub.store_accounts.id.';
comment on column reporting.video_latest.video_id is 'TikTok''s id of the video.';
comment on column reporting.video_latest.snapshot_date is 'The day of that observation; an old one: the video has left its list.';
comment on column reporting.video_latest.create_time is 'When the video was posted.';
comment on column reporting.video_latest.age_days is 'Its age on that day.';
comment on column reporting.video_latest.view_count is 'Views by then.';
comment on column reporting.video_latest.like_count is 'Likes by then.';
comment on column reporting.video_latest.comment_count is 'Comments by then.';
comment on column reporting.video_latest.share_count is 'Shares by then.';
comment on column reporting.video_latest.engagement_rate is '(likes + comments + shares) / views.';

create function reporting.keep_latest() returns trigger
language plpgsql
set enable_nestloop = on
set jit = off
as $$
begin
    if tg_op = 'TRUNCATE' then
        delete from reporting.video_latest;
        return null;
    end if;
    if tg_argv[0] = 'new' then
        insert into reporting.video_latest as l (
            store_code, account_id, video_id, snapshot_date, create_time, age_days,
            view_count, like_count, comment_count, share_count, engagement_rate
        )
        select distinct on (store_code, video_id)
            store_code,
            account_id,
            video_id,
            snapshot_date,
            create_time,
            age_days,
            view_count,
            like_count,
            comment_count,
            share_count,
            engagement_rate
        from changed
        where not quarantined
        order by
            store_code,
            video_id,
            snapshot_date desc
        on conflict (store_code, video_id) do update
        set
            account_id = excluded.account_id,
            snapshot_date = excluded.snapshot_date,
            create_time = excluded.create_time,
            age_days = excluded.age_days,
            view_count = excluded.view_count,
            like_count = excluded.like_count,
            comment_count = excluded.comment_count,
            share_count = excluded.share_count,
            engagement_rate = excluded.engagement_rate
        where excluded.snapshot_date >= l.snapshot_date;
    end if;
    if tg_op <> 'INSERT' then
        -- The newest is not there any more, or in quarantine: the one before it is the newest now.
        with gone as (
            delete from reporting.video_latest as l
            using changed as c
            where
                l.store_code = c.store_code
                and l.video_id = c.video_id
                and l.snapshot_date = c.snapshot_date
                and not exists (
                    select
                    from reporting.video_daily as d
                    where
                        d.store_code = c.store_code
                        and d.video_id = c.video_id
                        and d.snapshot_date = c.snapshot_date
                        and not d.quarantined
                )
            returning l.store_code, l.video_id
        )

        insert into reporting.video_latest (
            store_code, account_id, video_id, snapshot_date, create_time, age_days,
            view_count, like_count, comment_count, share_count, engagement_rate
        )
        select n.*
        from gone as g
        cross join lateral (
            select
                d.store_code,
                d.account_id,
                d.video_id,
                d.snapshot_date,
                d.create_time,
                d.age_days,
                d.view_count,
                d.like_count,
                d.comment_count,
                d.share_count,
                d.engagement_rate
            from reporting.video_daily as d
            where
                d.store_code = g.store_code
                and d.video_id = g.video_id
                and not d.quarantined
            order by d.snapshot_date desc
            limit 1
        ) as n;
    end if;
    return null;
end
$$;

create trigger latest_inserted after insert on reporting.video_daily
referencing new table as changed
for each statement execute function reporting.keep_latest('new');

create trigger latest_before_update after update on reporting.video_daily
referencing old table as changed
for each statement execute function reporting.keep_latest('old');

create trigger latest_after_update after update on reporting.video_daily
referencing new table as changed
for each statement execute function reporting.keep_latest('new');

create trigger latest_deleted after delete on reporting.video_daily
referencing old table as changed
for each statement execute function reporting.keep_latest('old');

create trigger latest_truncated after truncate on reporting.video_daily
for each statement execute function reporting.keep_latest();

insert into reporting.video_latest (
    store_code, account_id, video_id, snapshot_date, create_time, age_days,
    view_count, like_count, comment_count, share_count, engagement_rate
)
select n.*
from (
    select distinct
        store_code,
        video_id
    from snapshots.video_change
) as v
cross join lateral (
    select
        d.store_code,
        d.account_id,
        d.video_id,
        d.snapshot_date,
        d.create_time,
        d.age_days,
        d.view_count,
        d.like_count,
        d.comment_count,
        d.share_count,
        d.engagement_rate
    from reporting.video_daily as d
    where
        d.store_code = v.store_code
        and d.video_id = v.video_id
        and not d.quarantined
    order by d.snapshot_date desc
    limit 1
) as n;

create view reporting.posting_time as
with zone as (
    select time_zone
    from capture.account_day
    order by
        endpoint desc,
        day desc,
        account_id desc
    limit 1
)

select
    extract(isodow from v.create_time at time zone z.time_zone)::integer as weekday,
    extract(hour from v.create_time at time zone z.time_zone)::integer as hour,
    count(*)::integer as videos,
    percentile_cont(0.5) within group (order by v.view_count) as median_views,
    percentile_cont(0.5) within group (order by v.engagement_rate) as median_engagement_rate
from reporting.video_latest as v
cross join zone as z
where
    v.create_time is not null
    and v.age_days >= 7
group by
    weekday,
    hour;

comment on view reporting.posting_time is
'One row per weekday and hour of posting, in the reporting time zone, of videos that were observed at 7 days or older.';
comment on column reporting.posting_time.weekday is '1 for Monday to 7 for Sunday.';
comment on column reporting.posting_time.hour is '0 to 23.';
comment on column reporting.posting_time.videos is 'How many videos were posted then; of few, a median says little.';
comment on column reporting.posting_time.median_views is 'The median of their views so far.';
comment on column reporting.posting_time.median_engagement_rate is 'The median of their (likes + comments + shares) / views.';
