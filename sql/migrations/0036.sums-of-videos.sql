-- What the videos of an account gained on a day, summed: a store's year has 1,000 such rows, and 100,000 of videos.
-- The database keeps the sums itself, whoever changes reporting.video_daily: a day derived again, the next observation that
-- it mends, a quarantine, a deleted store. 0037 fills it with what is there.
-- depends: 0031.report-views

create table reporting.account_videos_daily (
    store_code varchar(50) not null references hub.stores (store_code) on update cascade on delete cascade,
    account_id bigint not null,
    snapshot_date date not null,
    videos_listed integer not null,
    view_delta bigint,
    like_delta bigint,
    comment_delta bigint,
    share_delta bigint,
    rated_views bigint,
    rated_engagements bigint,
    primary key (store_code, account_id, snapshot_date)
);

create index account_videos_daily_by_date on reporting.account_videos_daily (snapshot_date);

comment on table reporting.account_videos_daily is
'One row per account and day with a list of videos: what the videos gained since each was observed before, summed.';
comment on column reporting.account_videos_daily.store_code is 'The store that the account belongs to.';
comment on column reporting.account_videos_daily.account_id is 'The account: hub.store_accounts.id.';
comment on column reporting.account_videos_daily.snapshot_date is 'The day in the reporting time zone.';
comment on column reporting.account_videos_daily.videos_listed is 'Videos on the list of that day.';
comment on column reporting.account_videos_daily.view_delta is
'Views gained, each video against itself before, summed; NULL when there is no observation before.';
comment on column reporting.account_videos_daily.like_delta is 'Likes gained, summed in the same way.';
comment on column reporting.account_videos_daily.comment_delta is 'Comments gained, summed in the same way.';
comment on column reporting.account_videos_daily.share_delta is 'Shares gained, summed in the same way.';
comment on column reporting.account_videos_daily.rated_views is
'Views so far of the videos with a known engagement_rate; rated_engagements / rated_views is the rate of them all.';
comment on column reporting.account_videos_daily.rated_engagements is
'Likes, comments and shares so far of the videos with a known engagement_rate.';

create function reporting.sum_videos() returns trigger
language plpgsql
set enable_nestloop = on
set jit = off
as $$
declare
    first date;
    last date;
begin
    if tg_op = 'TRUNCATE' then
        delete from reporting.account_videos_daily;
        return null;
    end if;
    -- Named, so that only their partitions are looked into.
    select min(snapshot_date), max(snapshot_date) into first, last from changed;
    if tg_op <> 'INSERT' then
        delete from reporting.account_videos_daily as s
        using (select distinct store_code, account_id, snapshot_date from changed) as c
        where
            s.store_code = c.store_code
            and s.account_id = c.account_id
            and s.snapshot_date = c.snapshot_date
            and not exists (
                select
                from reporting.video_daily as v
                where
                    v.store_code = c.store_code
                    and v.account_id = c.account_id
                    and v.snapshot_date = c.snapshot_date
                    and v.snapshot_date between first and last
            );
    end if;
    insert into reporting.account_videos_daily as s (
        store_code, account_id, snapshot_date, videos_listed,
        view_delta, like_delta, comment_delta, share_delta, rated_views, rated_engagements
    )
    select
        v.store_code,
        v.account_id,
        v.snapshot_date,
        count(*),
        sum(v.view_delta),
        sum(v.like_delta),
        sum(v.comment_delta),
        sum(v.share_delta),
        sum(v.view_count) filter (where v.engagement_rate is not null),
        sum(v.like_count + v.comment_count + v.share_count) filter (where v.engagement_rate is not null)
    from (select distinct store_code, account_id, snapshot_date from changed) as c
    inner join reporting.video_daily as v
        on
            c.store_code = v.store_code
            and c.account_id = v.account_id
            and c.snapshot_date = v.snapshot_date
    where v.snapshot_date between first and last
    group by
        v.store_code,
        v.account_id,
        v.snapshot_date
    on conflict (store_code, account_id, snapshot_date) do update
    set
        videos_listed = excluded.videos_listed,
        view_delta = excluded.view_delta,
        like_delta = excluded.like_delta,
        comment_delta = excluded.comment_delta,
        share_delta = excluded.share_delta,
        rated_views = excluded.rated_views,
        rated_engagements = excluded.rated_engagements;
    return null;
end
$$;

create trigger sum_inserted after insert on reporting.video_daily
referencing new table as changed
for each statement execute function reporting.sum_videos();

-- An update has two sides: the account that a video was of, and the one that it is of.
create trigger sum_before_update after update on reporting.video_daily
referencing old table as changed
for each statement execute function reporting.sum_videos();

create trigger sum_after_update after update on reporting.video_daily
referencing new table as changed
for each statement execute function reporting.sum_videos();

create trigger sum_deleted after delete on reporting.video_daily
referencing old table as changed
for each statement execute function reporting.sum_videos();

create trigger sum_truncated after truncate on reporting.video_daily
for each statement execute function reporting.sum_videos();
