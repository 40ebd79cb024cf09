-- snapshots.account_day_verdict: one row per account and day with a list of videos, of the days from first to last:
-- whether the pages of its chosen capture prove the list complete. Of the stores, one of so many shares.
-- Thresholds: snapshots.threshold.
with pages as materialized (
    select
        a.store_code,
        d.account_id,
        d.day,
        d.late,
        d.chosen_capture_no as capture_no,
        p.page_no,
        p.observed_at,
        c.videos,
        c.has_more,
        case when c.has_more then capture.counter(c.cursor) end as cursor,
        lag(capture.counter(c.cursor)) over previous as previous_cursor
    from hub.store_accounts as a
    inner join capture.account_day as d on a.id = d.account_id
    inner join capture.video_list as p
        on
            d.account_id = p.account_id
            and d.day = p.day
            and d.chosen_capture_no = p.capture_no
    cross join jsonb_to_record(p.body -> 'data') as c (videos jsonb, has_more boolean, cursor jsonb)
    where
        ops.share_of(a.store_code, %(shares)s) = %(share)s
        and d.endpoint = 'video_list'
        and d.day between %(first)s and %(last)s
        and p.day between %(first)s and %(last)s
        and p.endpoint = 'video_list'
    window previous as (partition by d.account_id, d.day order by p.page_no)
),

chains as (
    select
        store_code,
        account_id,
        day,
        late,
        capture_no,
        count(*)::integer as pages,
        count(*) <> max(page_no) + 1 as has_hole,
        coalesce(not bool_or(not has_more and page_no = last_no), true) as ends_early,
        coalesce(bool_or(not has_more and page_no < last_no), false) as goes_on,
        coalesce(bool_or(has_more and coalesce(cursor <= 0 or cursor >= previous_cursor, cursor is null)), false)
            as turns_back,
        min(observed_at) as began_at,
        max(observed_at) as ended_at,
        max(cursor) filter (where page_no = 0) as first_cursor,
        max(cursor) filter (where page_no = last_no - 1) as last_cursor
    from (
        select
            *,
            max(page_no) over (partition by account_id, day) as last_no
        from pages
    ) as numbered
    group by
        store_code,
        account_id,
        day,
        late,
        capture_no
),

videos as (
    select
        p.account_id,
        p.day,
        p.page_no,
        p.previous_cursor,
        nullif(v.id, '') as id,
        capture.counter(v.create_time) as posted,
        lag(capture.counter(v.create_time)) over (
            partition by p.account_id, p.day
            order by p.page_no, v.place
        ) as posted_before,
        lag(p.page_no) over (
            partition by p.account_id, p.day, v.id
            order by p.page_no, v.place
        ) as seen_on
    from pages as p
    cross join rows from (jsonb_to_recordset(p.videos) as (id text, create_time jsonb)) with ordinality
    as v (id, create_time, place)
),

-- Videos of the border's own second may stand on both pages, in any order: cursors are finer than create_time.
lists as (
    select
        account_id,
        day,
        count(*)::integer as listed,
        count(distinct id)::integer as different,
        count(*) filter (where id is not null and seen_on is not null)::integer as duplicates,
        count(*) filter (
            where
                id is not null
                and seen_on is not null
                and (seen_on is distinct from page_no - 1 or posted is distinct from previous_cursor / 1000)
        )::integer as repeated,
        count(*) filter (where posted > posted_before)::integer as out_of_order,
        count(*) filter (where posted * 1000 > previous_cursor)::integer as misplaced
    from videos
    group by
        account_id,
        day
),

profiles as (
    select distinct on (c.account_id, c.day)
        c.account_id,
        c.day,
        capture.counter(p.body #> '{data,user,video_count}') as video_count
    from chains as c
    inner join capture.user_info as p
        on
            c.account_id = p.account_id
            and c.day = p.day
    where
        p.endpoint = 'user_info'
        and p.day between %(first)s and %(last)s
        and p.observed_at between c.began_at - interval '1 minute' * snapshots.threshold_of('profile_minutes')::integer
        and c.ended_at + interval '1 minute' * snapshots.threshold_of('profile_minutes')::integer
    order by c.account_id, c.day, abs(extract(epoch from p.observed_at - c.began_at)), p.capture_no desc
),

counted as (
    select
        c.*,
        not (c.has_hole or c.ends_early or c.goes_on or c.turns_back) as chain_closed,
        coalesce(l.listed, 0) as listed,
        coalesce(l.different, 0) as different,
        coalesce(l.duplicates, 0) as duplicates,
        coalesce(l.repeated, 0) as repeated,
        coalesce(l.out_of_order, 0) as out_of_order,
        coalesce(l.misplaced, 0) as misplaced,
        p.video_count,
        b.listed_before
    from chains as c
    left join lists as l
        on
            c.account_id = l.account_id
            and c.day = l.day
    left join profiles as p
        on
            c.account_id = p.account_id
            and c.day = p.day
    -- Only without a profile: how many videos the last list that was not empty had.
    left join lateral (
        select case
            when d.state = 'imported' then (
                select count(*)
                from capture.imported as i
                where
                    i.account_id = d.account_id
                    and i.endpoint = d.endpoint
                    and i.day = d.day
            )
            else d.items
        end as listed_before
        from capture.account_day as d
        where
            p.video_count is null
            and d.account_id = c.account_id
            and d.endpoint = 'video_list'
            and d.day < c.day
            and ((d.state = 'captured' and d.items > 0) or d.state = 'imported')
        order by d.day desc
        limit 1
    ) as b on true
),

-- As many videos are expected as the profile counts; without one, as many as the list before had.
expecting as (
    select
        *,
        coalesce(video_count, listed_before) as expected
    from counted
),

measured as (
    select
        *,
        coalesce(
            (different = 0 and expected > 0)
            or different < expected - case
                when expected < snapshots.threshold_of('short_from') then 0
                else greatest(
                    snapshots.threshold_of('short_videos'),
                    expected * snapshots.threshold_of('short_share')
                )
            end,
            false
        ) as short
    from expecting
),

judged as (
    select
        n.store_code,
        n.account_id,
        n.day,
        case
            when not n.chain_closed then 'TRUNCATED'
            when n.repeated + n.out_of_order + n.misplaced > 0 then 'UNSTABLE'
            when n.short then 'TRUNCATED'
            else 'COMPLETE'
        end as verdict,
        concat_ws(
            '; ',
            case when n.has_hole then 'a page is missing' end,
            case when n.ends_early then 'the last page says that there are more' end,
            case when n.goes_on then 'pages follow after the one that TikTok called the last' end,
            case when n.turns_back then 'a cursor does not fall' end,
            case when n.repeated > 0 then n.repeated || ' videos are repeated' end,
            case when n.misplaced > 0 then n.misplaced || ' videos are newer than their page''s beginning' end,
            case when n.out_of_order > 0 then n.out_of_order || ' videos are newer than the one before' end,
            case
                when n.short and n.video_count is null then 'too few after a list of ' || n.listed_before
            end,
            case
                when n.video_count is null then n.different || ' videos listed; no profile within the hour'
                else n.different || ' videos listed, ' || n.video_count || ' counted by the profile'
            end
        ) as reason,
        n.pages,
        n.listed,
        n.different,
        n.duplicates,
        n.video_count,
        n.chain_closed,
        n.first_cursor,
        n.last_cursor,
        'capture' as source,
        n.late,
        n.capture_no
    from measured as n
    union all
    select
        a.store_code,
        d.account_id,
        d.day,
        'IMPORTED',
        count(i.item_id) || ' videos imported; nobody here saw the pages',
        0,
        count(i.item_id)::integer,
        count(i.item_id)::integer,
        0,
        null,
        null,
        null,
        null,
        'import',
        false,
        0
    from hub.store_accounts as a
    inner join capture.account_day as d on a.id = d.account_id
    left join capture.imported as i
        on
            d.account_id = i.account_id
            and d.endpoint = i.endpoint
            and d.day = i.day
    where
        ops.share_of(a.store_code, %(shares)s) = %(share)s
        and d.endpoint = 'video_list'
        and d.state = 'imported'
        and d.day between %(first)s and %(last)s
    group by
        a.store_code,
        d.account_id,
        d.day
),

-- What was captured and lies in an archive now: nothing here can tell what its rows were, so they stay.
archived as materialized (
    select
        d.account_id,
        d.day
    from capture.account_day as d
    left join capture.video_list as p
        on
            d.account_id = p.account_id
            and d.day = p.day
            and d.chosen_capture_no = p.capture_no
            and p.endpoint = 'video_list'
            and p.day between %(first)s and %(last)s
    where
        d.endpoint = 'video_list'
        and d.day between %(first)s and %(last)s
        and d.chosen_capture_no is not null
        and p.account_id is null
),

removed as (
    delete from snapshots.account_day_verdict as s
    where
        s.snapshot_date between %(first)s and %(last)s
        and ops.share_of(s.store_code, %(shares)s) = %(share)s
        and not exists (
            select
            from judged as w
            where
                w.account_id = s.account_id
                and w.day = s.snapshot_date
        )
        and not exists (
            select
            from archived as x
            where
                x.account_id = s.account_id
                and x.day = s.snapshot_date
        )
    returning s.account_id
),

written as (
    insert into snapshots.account_day_verdict as s (
        store_code, account_id, snapshot_date, verdict, reason, pages, listed_videos, distinct_videos, duplicates,
        video_count, chain_closed, first_cursor, last_cursor, source, late, capture_no
    )
    select
        j.store_code,
        j.account_id,
        j.day,
        j.verdict,
        j.reason,
        j.pages,
        j.listed,
        j.different,
        j.duplicates,
        j.video_count,
        j.chain_closed,
        j.first_cursor,
        j.last_cursor,
        j.source,
        j.late,
        j.capture_no
    from judged as j
    on conflict (account_id, snapshot_date) do update
    set
        store_code = excluded.store_code,
        verdict = excluded.verdict,
        reason = excluded.reason,
        pages = excluded.pages,
        listed_videos = excluded.listed_videos,
        distinct_videos = excluded.distinct_videos,
        duplicates = excluded.duplicates,
        video_count = excluded.video_count,
        chain_closed = excluded.chain_closed,
        first_cursor = excluded.first_cursor,
        last_cursor = excluded.last_cursor,
        source = excluded.source,
        late = excluded.late,
        capture_no = excluded.capture_no
    where
        (
            s.store_code, s.verdict, s.reason, s.pages, s.listed_videos, s.distinct_videos, s.duplicates, s.video_count,
            s.chain_closed, s.first_cursor, s.last_cursor, s.source, s.late, s.capture_no
        ) is distinct from (
            excluded.store_code, excluded.verdict, excluded.reason, excluded.pages, excluded.listed_videos,
            excluded.distinct_videos,
            excluded.duplicates, excluded.video_count, excluded.chain_closed, excluded.first_cursor,
            excluded.last_cursor, excluded.source, excluded.late, excluded.capture_no
        )
    returning s.account_id
)

select account_id from removed
union all
select account_id from written;
