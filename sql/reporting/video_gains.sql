-- reporting.video_gains: one row per video that gained in the 28 days up to the newest. Whatever changes
-- reporting.video_daily keeps it; here it is summed again, unless last is before these days. Of the stores, one of so many
-- shares.
select *
from reporting.sum_gains(
    array(
        select store_code::text
        from hub.stores
        where ops.share_of(store_code, %(shares)s) = %(share)s
    ),
    %(last)s
);
