-- Videos that gain far more views than their account's videos do at their age, and which of them people were told of.
-- depends: 0028.checks 0030.reports

insert into snapshots.threshold (name, value, meaning) values
('viral_gain', 1000, 'views that a video gained in a day, at least, to be called viral'),
('viral_level_1', 5, 'times the expected gain from which a video has the first level'),
('viral_level_2', 20, 'times the expected gain from which a video has the second level'),
('viral_level_3', 100, 'times the expected gain from which a video has the third level'),
('viral_spreads', 3, 'spreads above the median gain, on a scale of logarithms, from which a gain is beyond the usual'),
('viral_history_days', 180, 'days before a day from which an account''s usual gains are taken'),
('viral_history', 8, 'videos of an account with a gain at that age, at least, before a gain is judged'),
('viral_own_days', 7, 'days before a day from which a video''s own usual gain is taken');

-- A delta over a gap is of no age: it is left out. What a video has when it is first seen, within a day of its posting, it
-- gained since then.
create function reporting.views_a_day(v reporting.video_daily) returns double precision
language sql immutable
as $$
select case
    when v.span_days = 1 then v.view_delta
    when v.previous_date is null and v.age_days between 0 and 1
        then v.view_count / greatest(extract(epoch from v.observed_at - v.create_time)::double precision / 86400, 0.25)
end
$$;

-- Few enough for an account to have videos of each, and the young ones fine, for there gains change most.
create function reporting.age_band(age_days integer) returns integer
language sql immutable
as $$
select width_bucket(age_days, array[2, 3, 4, 6, 8, 15, 29, 91])
$$;

create table reporting.viral_videos (
    store_code varchar(50) not null references hub.stores (store_code) on update cascade on delete cascade,
    account_id bigint not null,
    video_id text not null,
    snapshot_date date not null,
    level integer not null check (level > 1),
    age_days integer not null,
    view_count bigint not null,
    gained bigint not null,
    expected bigint not null,
    ratio double precision not null,
    compared_videos integer not null,
    created_at timestamptz not null default ops.now(),
    primary key (store_code, video_id, snapshot_date)
);

create index viral_videos_by_date on reporting.viral_videos (snapshot_date, level);

comment on table reporting.viral_videos is
'One row per video and day on which it gained far more views than its account''s videos do at its age, and than it did before.';
comment on column reporting.viral_videos.store_code is 'The store that the video''s account belongs to.';
comment on column reporting.viral_videos.account_id is 'The account: hub.store_accounts.id.';
comment on column reporting.viral_videos.video_id is 'TikTok''s id of the video.';
comment on column reporting.viral_videos.snapshot_date is 'The day in the reporting time zone.';
comment on column reporting.viral_videos.level is
'The highest of the levels that the ratio reaches, e.g. 5, 20 or 100: so many times the expected.';
comment on column reporting.viral_videos.age_days is 'The video''s age on that day.';
comment on column reporting.viral_videos.view_count is 'Views so far.';
comment on column reporting.viral_videos.gained is
'Views gained a day: since the day before, or since its posting when it is first seen.';
comment on column reporting.viral_videos.expected is
'What was expected: the median gain a day of its account''s videos at that age, or its own of the week before, if that is more.';
comment on column reporting.viral_videos.ratio is 'gained / expected.';
comment on column reporting.viral_videos.compared_videos is 'How many videos of the account the median is of.';
comment on column reporting.viral_videos.created_at is 'When this row was first derived.';

-- The report is derived again and again; this remembers for ever.
create table ops.viral_told (
    store_code varchar(50) not null references hub.stores (store_code) on update cascade on delete cascade,
    video_id text not null,
    level integer not null,
    told_at timestamptz not null default ops.now(),
    primary key (store_code, video_id)
);

comment on table ops.viral_told is 'One row per video of which people were told that it is viral.';
comment on column ops.viral_told.store_code is 'The store that the video''s account belongs to.';
comment on column ops.viral_told.video_id is 'TikTok''s id of the video.';
comment on column ops.viral_told.level is 'The highest level that was told; it and those below are not told again.';
comment on column ops.viral_told.told_at is 'When.';
