-- Which days a delta spans, said as it is; and the sums of windows end with a day that counts and span what they sum.
-- depends: 0051.metrics

comment on column reporting.store_daily.longest_span_days is
'The most days that one of the deltas of its profiles spans, 1 without a gap; those of its videos may span more.';
comment on column reporting.store_monthly.longest_span_days is
'The most days that one of the deltas of profiles spans; it may have begun before the month. Those of videos may span more.';
comment on column reporting.top_videos.longest_span_days is
'The most days that one of the deltas summed spans; above 1 it may have begun before these days.';
comment on column reporting.top_videos.as_of is
'The last of these days: the newest of video_daily on which not all is quarantined.';
comment on column reporting.video_gains.as_of is
'The last of these days: the newest of video_daily on which not all is quarantined.';
comment on column reporting.video_gains.longest_span_7 is
'The most days that one of the deltas summed spans; above 1 it may have begun before these days.';

-- As before, but the newest day is one that is not quarantined, and only the spans of deltas that are summed count.
create or replace function reporting.sum_gains(stores text [], touched date) returns setof bigint
language plpgsql
set plan_cache_mode = force_custom_plan
set enable_nestloop = on
set jit = off
as $$
declare
    newest date;
begin
    -- One after the other, for whoever comes last must see what the others added.
    perform pg_advisory_xact_lock(7011022);
    select max(snapshot_date) into newest from reporting.video_daily where not quarantined;
    if newest is distinct from (select max(as_of) from reporting.video_gains) then
        stores := null;
    elsif touched <= newest - 28 then
        return;
    end if;
    return query
    with wanted as materialized (
        select
            v.store_code,
            v.account_id,
            v.video_id,
            newest as as_of,
            (sum(v.view_delta) filter (where v.snapshot_date = newest))::bigint as views_gained_1,
            (sum(v.view_delta) filter (where v.snapshot_date > newest - 7))::bigint as views_gained_7,
            sum(v.view_delta)::bigint as views_gained_28,
            max(v.span_days) filter (where v.view_delta is not null and v.snapshot_date = newest) as longest_span_1,
            max(v.span_days) filter (
                where v.view_delta is not null and v.snapshot_date > newest - 7
            ) as longest_span_7,
            max(v.span_days) filter (where v.view_delta is not null) as longest_span_28
        from reporting.video_daily as v
        where
            v.snapshot_date > newest - 28
            and (stores is null or v.store_code = any(stores))
        group by
            v.store_code,
            v.account_id,
            v.video_id
        having sum(v.view_delta) is not null
    ),

    removed as (
        delete from reporting.video_gains as g
        where
            (stores is null or g.store_code = any(stores))
            and not exists (
                select
                from wanted as w
                where
                    w.store_code = g.store_code
                    and w.account_id = g.account_id
                    and w.video_id = g.video_id
            )
        returning g.account_id
    ),

    written as (
        insert into reporting.video_gains as g (
            store_code, account_id, video_id, as_of,
            views_gained_1, views_gained_7, views_gained_28, longest_span_1, longest_span_7, longest_span_28
        )
        select *
        from wanted
        on conflict (store_code, account_id, video_id) do update
        set
            as_of = excluded.as_of,
            views_gained_1 = excluded.views_gained_1,
            views_gained_7 = excluded.views_gained_7,
            views_gained_28 = excluded.views_gained_28,
            longest_span_1 = excluded.longest_span_1,
            longest_span_7 = excluded.longest_span_7,
            longest_span_28 = excluded.longest_span_28
        where
            (
                g.as_of, g.views_gained_1, g.views_gained_7, g.views_gained_28,
                g.longest_span_1, g.longest_span_7, g.longest_span_28
            ) is distinct from (
                excluded.as_of, excluded.views_gained_1, excluded.views_gained_7, excluded.views_gained_28,
                excluded.longest_span_1, excluded.longest_span_7, excluded.longest_span_28
            )
        returning g.account_id
    )

    select account_id from removed
    union all
    select account_id from written;
end
$$;

do $$
begin
    perform reporting.sum_gains(null, null);
end
$$;
