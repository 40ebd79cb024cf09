-- The two snapshot tables, with the hub's columns, and the monthly partitions of everything that grows.
-- depends: 0003.capture

create schema snapshots;

comment on schema snapshots is 'One row per account or video and day, derived from what was captured.';

create table snapshots.tiktok_user_daily (
    store_code varchar(50) not null references hub.stores (store_code) on update cascade on delete cascade,
    open_id text not null,
    snapshot_date date not null,
    display_name text,
    avatar_url text,
    follower_count bigint,
    following_count bigint,
    likes_count bigint,
    video_count bigint,
    created_at timestamptz not null default ops.now(),
    account_id bigint not null,
    username text,
    bio_description text,
    is_verified boolean,
    observed_at timestamptz,
    source text not null check (source in ('capture', 'import')),
    late boolean not null,
    capture_no smallint not null,
    primary key (store_code, open_id, snapshot_date)
);

create index tiktok_user_daily_by_date on snapshots.tiktok_user_daily (snapshot_date);

comment on table snapshots.tiktok_user_daily is 'One row per account and day: the profile and its counters.';
comment on column snapshots.tiktok_user_daily.store_code is 'The store that the account belongs to.';
comment on column snapshots.tiktok_user_daily.open_id is 'TikTok''s id of the account.';
comment on column snapshots.tiktok_user_daily.snapshot_date is 'The day in the reporting time zone.';
comment on column snapshots.tiktok_user_daily.display_name is 'The name shown on TikTok that day.';
comment on column snapshots.tiktok_user_daily.created_at is 'When this row was first derived.';
comment on column snapshots.tiktok_user_daily.account_id is 'The account: hub.store_accounts.id.';
comment on column snapshots.tiktok_user_daily.username is 'The name in the account''s address, without @.';
comment on column snapshots.tiktok_user_daily.bio_description is 'What the account says of itself.';
comment on column snapshots.tiktok_user_daily.is_verified is 'Whether TikTok has verified the account.';
comment on column snapshots.tiktok_user_daily.avatar_url is 'Address of the picture; TikTok lets it expire in about 48 hours.';
comment on column snapshots.tiktok_user_daily.follower_count is 'Followers; NULL when TikTok did not say.';
comment on column snapshots.tiktok_user_daily.following_count is 'Accounts followed; NULL when TikTok did not say.';
comment on column snapshots.tiktok_user_daily.likes_count is 'Likes over all videos; NULL when TikTok did not say.';
comment on column snapshots.tiktok_user_daily.video_count is 'Public videos by TikTok''s own count.';
comment on column snapshots.tiktok_user_daily.observed_at is 'When the counters were read.';
comment on column snapshots.tiktok_user_daily.source is 'capture, or import for history that came from elsewhere.';
comment on column snapshots.tiktok_user_daily.late is 'Read after the day had ended, within the grace.';
comment on column snapshots.tiktok_user_daily.capture_no is 'Which capture of the day this is; 0 for an import.';

create table snapshots.tiktok_video_daily (
    store_code varchar(50) not null references hub.stores (store_code) on update cascade on delete cascade,
    video_id text not null,
    snapshot_date date not null,
    description text,
    cover_image_url text,
    share_url text,
    create_time timestamptz,
    view_count bigint,
    like_count bigint,
    comment_count bigint,
    share_count bigint,
    created_at timestamptz not null default ops.now(),
    account_id bigint not null,
    open_id text not null,
    title text,
    duration integer,
    height integer,
    width integer,
    observed_at timestamptz,
    source text not null check (source in ('capture', 'import')),
    late boolean not null,
    capture_no smallint not null,
    primary key (store_code, video_id, snapshot_date)
) partition by range (snapshot_date);

comment on table snapshots.tiktok_video_daily is 'One row per public video and day: its text and its counters.';
comment on column snapshots.tiktok_video_daily.store_code is 'The store that the video''s account belongs to.';
comment on column snapshots.tiktok_video_daily.video_id is 'TikTok''s id of the video.';
comment on column snapshots.tiktok_video_daily.snapshot_date is 'The day in the reporting time zone.';
comment on column snapshots.tiktok_video_daily.description is 'The caption, whole.';
comment on column snapshots.tiktok_video_daily.cover_image_url is 'Address of the cover; TikTok lets it expire in 6 hours.';
comment on column snapshots.tiktok_video_daily.share_url is 'Address of the video, without its query.';
comment on column snapshots.tiktok_video_daily.create_time is 'When the video was posted.';
comment on column snapshots.tiktok_video_daily.view_count is 'Views so far; NULL when TikTok did not say.';
comment on column snapshots.tiktok_video_daily.like_count is 'Likes so far; they may fall.';
comment on column snapshots.tiktok_video_daily.comment_count is 'Comments so far; they may fall.';
comment on column snapshots.tiktok_video_daily.share_count is 'Shares so far; NULL when TikTok did not say.';
comment on column snapshots.tiktok_video_daily.created_at is 'When this row was first derived.';
comment on column snapshots.tiktok_video_daily.account_id is 'The account: hub.store_accounts.id.';
comment on column snapshots.tiktok_video_daily.open_id is 'TikTok''s id of the account.';
comment on column snapshots.tiktok_video_daily.title is 'TikTok''s title; it may be a shortened caption.';
comment on column snapshots.tiktok_video_daily.height is 'Height in pixels.';
comment on column snapshots.tiktok_video_daily.width is 'Width in pixels.';
comment on column snapshots.tiktok_video_daily.duration is 'Length in seconds.';
comment on column snapshots.tiktok_video_daily.observed_at is 'When the counters were read.';
comment on column snapshots.tiktok_video_daily.source is 'capture, or import for history that came from elsewhere.';
comment on column snapshots.tiktok_video_daily.late is 'Read after the day had ended, within the grace.';
comment on column snapshots.tiktok_video_daily.capture_no is 'Which capture of the day this is; 0 for an import.';

-- Make the monthly partitions that cover the dates from first to last. Safe to run twice and at once.
-- A new partition is made beside its parent and attached, which does not stop readers and writers of the others.
create function ops.ensure_partitions(first date, last date) returns integer
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
        array['capture.user_info', 'capture.video_list', 'snapshots.tiktok_video_daily']::regclass[]
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
