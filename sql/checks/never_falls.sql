-- Views and shares never fall by themselves; around a video's vanishing or return they may.
-- table: snapshots.counter_fall
-- severity: warning: one number is doubtful, the day's others are not, and what TikTok said is kept
-- what to do: capture today again with force: true; if the lower number stays, TikTok has corrected it, and nothing is to be done
-- counts: falls
-- A row is an account and day with falls of any counter: how many, and how many of them views or shares.
select
    snapshot_date as day,
    account_id,
    count(*) as checked,
    count(*) filter (where suspicious and class <> 'gone') as failing,
    (
        array_agg(format('%%s of video %%s fell from %%s to %%s', counter, video_id, before, after) order by fall desc)
        filter (where suspicious and class <> 'gone')
    )[1] as example
from reporting.counter_falls
where snapshot_date between %(first)s and %(last)s
group by
    snapshot_date,
    account_id
