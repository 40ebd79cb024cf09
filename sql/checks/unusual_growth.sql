-- Followers or likes of one account grow or fall far beyond its own history of the last four weeks.
-- table: snapshots.tiktok_user_daily
-- severity: info: a video that goes viral looks the same; it is there for whoever wonders about a number
-- what to do: nothing, unless somebody wonders about the number; reporting.viral_videos may say why it grew
-- counts: growths
-- A row is an account and day with two weeks of history. What many accounts do at once is provider_wide's.
select
    day,
    account_id,
    count(*) as checked,
    count(*) filter (where unusual and not wide) as failing,
    min(
        format('%%s from %%s to %%s: %%s a day, usually %%s', counter, before, after, round(growth), round(usual))
    ) filter (where unusual and not wide) as example
from snapshots.growth(%(first)s, %(last)s)
group by
    day,
    account_id
