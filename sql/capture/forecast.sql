-- What the daily capture asks for. A row is a TikTok app: its accounts, the pages that these had when they were last
-- captured (one for an account that was not yet), and how many pages a day it has grown by in the last 14 days.
-- A day's pages are those of its captured account-days, as if the failed ones had had as many; NULL: too few days.
with wanted as (
    select
        a.client_key,
        a.id as account_id,
        e.endpoint
    from hub.store_accounts as a
    cross join unnest(array['user_info', 'video_list']) as e (endpoint)
    where a.status in ('CONNECTED', 'ERROR')
),

by_day as (
    select
        a.client_key,
        d.day,
        avg(d.pages) filter (where d.state = 'captured')
        * count(*) filter (where d.reason is null or d.reason not in ('not_yet_connected', 'cancelled')) as pages
    from capture.account_day as d
    inner join hub.store_accounts as a on d.account_id = a.id
    where d.day between %(today)s::date - 14 and %(today)s::date - 1
    group by
        a.client_key,
        d.endpoint,
        d.day
),

totals as (
    select
        client_key,
        day,
        sum(pages) as pages
    from by_day
    where pages is not null
    group by
        client_key,
        day
),

growth as (
    select
        client_key,
        regr_slope(pages, day - %(today)s::date) as pages_a_day
    from totals
    group by client_key
)

select
    w.client_key,
    count(distinct w.account_id) as accounts,
    sum(coalesce(l.pages, 1))::bigint as pages,
    g.pages_a_day
from wanted as w
left join lateral (
    select d.pages
    from capture.account_day as d
    where
        d.account_id = w.account_id
        and d.endpoint = w.endpoint
        and d.day between %(today)s::date - 14 and %(today)s
        and d.state = 'captured'
    order by d.day desc
    limit 1
) as l on true
left join growth as g on w.client_key = g.client_key
group by
    w.client_key,
    g.pages_a_day
order by w.client_key
