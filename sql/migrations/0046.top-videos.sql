-- The top lists are ranked out of the sums that are kept.
-- depends: 0045.gains-of-windows

do $$
begin
    perform reporting.sum_gains(null, null);
end
$$;

-- One branch for each length: whoever asks for one of them has the others left out.
create or replace view reporting.top_videos as
with gained as (
    select
        1 as window_days,
        store_code,
        account_id,
        video_id,
        views_gained_1 as views_gained,
        longest_span_1 as longest_span_days,
        as_of
    from reporting.video_gains
    union all
    select
        7,
        store_code,
        account_id,
        video_id,
        views_gained_7,
        longest_span_7,
        as_of
    from reporting.video_gains
    union all
    select
        28,
        store_code,
        account_id,
        video_id,
        views_gained_28,
        longest_span_28,
        as_of
    from reporting.video_gains
)

select
    window_days,
    rank() over (
        partition by window_days
        order by views_gained desc
    ) as place,
    store_code,
    account_id,
    video_id,
    views_gained,
    longest_span_days,
    as_of
from gained
where views_gained is not null;

comment on column reporting.top_videos.as_of is 'The last of these days: the newest of video_daily.';

-- From now on a new observation of a video finds room beside the one before.
alter table reporting.video_latest set (fillfactor = 50);
