-- Many accounts move far beyond their history on one day, in one direction: TikTok did something, not they.
-- table: snapshots.tiktok_user_daily
-- severity: warning: growth of that day means nothing; it may be an honest purge, so nothing is left out
-- what to do: look whether TikTok announced a purge or has a fault; after a fault capture today again with force: true, and tell readers that growth of that day means nothing
-- counts: accounts
-- A row is a day and counter: one finding instead of a hundred.
select
    day,
    null as account_id,
    max(judged) as checked,
    count(*) filter (where wide) as failing,
    format(
        '%%s of %%s of %%s accounts moved by %%s %%%% of what they had, the middle one',
        counter,
        count(*) filter (where wide),
        max(judged),
        round(100 * percentile_cont(0.5) within group (order by growth / before) filter (where wide))
    ) as example
from snapshots.growth(%(first)s, %(last)s)
group by
    day,
    counter
