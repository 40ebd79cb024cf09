-- When to post: 168 rows, made of the newest numbers of every video that there ever was, so they are kept, too.
-- depends: 0046.top-videos

drop view reporting.posting_time;

create table reporting.posting_time (
    weekday integer not null,
    hour integer not null,
    videos integer not null,
    median_views double precision,
    median_engagement_rate double precision,
    as_of date not null,
    primary key (weekday, hour)
);

comment on table reporting.posting_time is
'One row per weekday and hour of posting, in the reporting time zone, of videos that were observed at 7 days or older.';
comment on column reporting.posting_time.weekday is '1 for Monday to 7 for Sunday.';
comment on column reporting.posting_time.hour is '0 to 23.';
comment on column reporting.posting_time.videos is 'How many videos were posted then; of few, a median says little.';
comment on column reporting.posting_time.median_views is 'The median of their views so far.';
comment on column reporting.posting_time.median_engagement_rate is 'The median of their (likes + comments + shares) / views.';
comment on column reporting.posting_time.as_of is 'The newest day of video_daily, up to which they were observed.';

-- The number of rows that changed.
create function reporting.compare_hours() returns integer
language plpgsql
set enable_nestloop = on
set jit = off
as $$
declare
    changed integer;
begin
    perform pg_advisory_xact_lock(7011023);
    with zone as (
        select time_zone
        from capture.account_day
        order by
            endpoint desc,
            day desc,
            account_id desc
        limit 1
    ),

    posted as (
        select
            v.create_time at time zone z.time_zone as posted_at,
            v.view_count,
            v.engagement_rate
        from reporting.video_latest as v
        cross join zone as z
        where
            v.create_time is not null
            and v.age_days >= 7
    ),

    wanted as materialized (
        select
            extract(isodow from posted_at)::integer as weekday,
            extract(hour from posted_at)::integer as hour,
            count(*)::integer as videos,
            percentile_cont(0.5) within group (order by view_count) as median_views,
            percentile_cont(0.5) within group (order by engagement_rate) as median_engagement_rate,
            (select max(snapshot_date) from reporting.video_daily) as as_of
        from posted
        group by
            1,
            2
    ),

    removed as (
        delete from reporting.posting_time as p
        where not exists (
            select
            from wanted as w
            where
                w.weekday = p.weekday
                and w.hour = p.hour
        )
        returning p.weekday
    ),

    written as (
        insert into reporting.posting_time as p (
            weekday, hour, videos, median_views, median_engagement_rate, as_of
        )
        select *
        from wanted
        on conflict (weekday, hour) do update
        set
            videos = excluded.videos,
            median_views = excluded.median_views,
            median_engagement_rate = excluded.median_engagement_rate,
            as_of = excluded.as_of
        where
            (p.videos, p.median_views, p.median_engagement_rate, p.as_of)
            is distinct from (
                excluded.videos, excluded.median_views, excluded.median_engagement_rate, excluded.as_of
            )
        returning p.weekday
    )

    select
        (select count(*) from removed) + (select count(*) from written)
    into changed;
    return changed;
end
$$;

create function reporting.keep_hours() returns trigger
language plpgsql
as $$
begin
    if tg_op = 'TRUNCATE' then
        delete from reporting.posting_time;
    elsif exists (select from changed) then
        perform reporting.compare_hours();
    end if;
    return null;
end
$$;

-- By their names, after the triggers that keep video_latest.
create trigger posting_inserted after insert on reporting.video_daily
referencing new table as changed
for each statement execute function reporting.keep_hours();

create trigger posting_updated after update on reporting.video_daily
referencing new table as changed
for each statement execute function reporting.keep_hours();

create trigger posting_deleted after delete on reporting.video_daily
referencing old table as changed
for each statement execute function reporting.keep_hours();

create trigger posting_truncated after truncate on reporting.video_daily
for each statement execute function reporting.keep_hours();

do $$
begin
    perform reporting.compare_hours();
end
$$;
