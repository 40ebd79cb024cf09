-- reporting.posting_time: one row per weekday and hour of posting, if the newest day lies between first and last. Whatever
-- changes reporting.video_daily keeps it; here it is compared again with reporting.video_latest, all of it by the first
-- share.
select c.n
from (
    select max(snapshot_date) as day
    from reporting.video_daily
    having
        max(snapshot_date) between %(first)s and %(last)s
        and %(share)s = 0
) as newest
cross join lateral generate_series(1, reporting.compare_hours()) as c (n);
