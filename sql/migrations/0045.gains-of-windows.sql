-- What each video gained in the 1, 7 and 28 days up to the newest, kept as it comes: the top lists of a week sum 190,000
-- rows of 27,000 videos, whatever the question. As the other sums, the database keeps them itself. 0046 fills them.
-- depends: 0041.told-count

-- All of a new day's rows change: with room in their pages they leave no trace in the index, and the table stays small.
create table reporting.video_gains (
    store_code varchar(50) not null,
    account_id bigint not null,
    video_id text not null,
    as_of date not null,
    views_gained_1 bigint,
    views_gained_7 bigint,
    views_gained_28 bigint not null,
    longest_span_1 integer,
    longest_span_7 integer,
    longest_span_28 integer not null,
    primary key (store_code, account_id, video_id)
) with (fillfactor = 50);

comment on table reporting.video_gains is
'One row per video with a known delta in the 28 days up to the newest: what it gained in the last 1, 7 and 28 of them.';
comment on column reporting.video_gains.store_code is 'The store that the video''s account belongs to.';
comment on column reporting.video_gains.account_id is 'The account: hub.store_accounts.id.';
comment on column reporting.video_gains.video_id is 'TikTok''s id of the video.';
comment on column reporting.video_gains.as_of is 'The last of these days: the newest of video_daily.';
comment on column reporting.video_gains.views_gained_1 is 'Views gained on that day; NULL without a known delta.';
comment on column reporting.video_gains.views_gained_7 is
'The sum of its deltas on these days; a first observation is a baseline and adds nothing.';
comment on column reporting.video_gains.views_gained_28 is 'The same of 28 days.';
comment on column reporting.video_gains.longest_span_1 is 'The days that its delta on that day spans.';
comment on column reporting.video_gains.longest_span_7 is
'The most days that one of the deltas spans; above 1 it may have begun before these days.';
comment on column reporting.video_gains.longest_span_28 is 'The same of 28 days.';

-- Sums the days up to the newest again, of these stores; of all when the newest is another than before; of none when the
-- last day that was touched is too long ago. The account of each row that changed.
create function reporting.sum_gains(stores text [], touched date) returns setof bigint
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
    select max(snapshot_date) into newest from reporting.video_daily;
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
            max(v.span_days) filter (where v.snapshot_date = newest) as longest_span_1,
            max(v.span_days) filter (where v.snapshot_date > newest - 7) as longest_span_7,
            max(v.span_days) as longest_span_28
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

create function reporting.keep_gains() returns trigger
language plpgsql
as $$
declare
    stores text [];
    touched date;
begin
    if tg_op = 'TRUNCATE' then
        delete from reporting.video_gains;
        return null;
    elsif tg_op = 'UPDATE' then
        select
            array_agg(distinct store_code),
            max(snapshot_date)
        into stores, touched
        from (
            select store_code, snapshot_date from before
            union all
            select store_code, snapshot_date from changed
        ) as touching;
    else
        select array_agg(distinct store_code), max(snapshot_date) into stores, touched from changed;
    end if;
    if touched is not null then
        perform reporting.sum_gains(stores, touched);
    end if;
    return null;
end
$$;

create trigger gains_inserted after insert on reporting.video_daily
referencing new table as changed
for each statement execute function reporting.keep_gains();

create trigger gains_updated after update on reporting.video_daily
referencing old table as before new table as changed
for each statement execute function reporting.keep_gains();

create trigger gains_deleted after delete on reporting.video_daily
referencing old table as changed
for each statement execute function reporting.keep_gains();

create trigger gains_truncated after truncate on reporting.video_daily
for each statement execute function reporting.keep_gains();
