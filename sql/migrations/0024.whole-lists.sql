-- How many videos a complete list may lack: none of a few, and of many one or the share, whichever is more.
-- depends: 0015.completeness

update snapshots.threshold
set
    value = case when value = 2 then 1 else value end,
    meaning = 'videos that a complete list may lack of those expected, when short_from or more are expected'
where name = 'short_videos';

update snapshots.threshold
set meaning = 'share of the expected videos that a complete list may lack, when that is more videos'
where name = 'short_share';

insert into snapshots.threshold (name, value, meaning)
values ('short_from', 10, 'videos: of fewer that are expected, a complete list lacks none');

-- An empty list is judged as any other: by the profile, or by the list before.
delete from snapshots.threshold
where name = 'emptied_videos';
