-- snapshots.tiktok_video_daily: one row per store, video and day, of the days from first to last.
-- Comes from the chosen capture of each account-day, or from what was imported for it. A video that
-- stands on two pages counts once: the later page saw it later; of two
-- accounts of a store that list it, the older account's counts. Of the stores, one of so many shares.
with mine as (
    select
        id,
        store_code,
        open_id
    from hub.store_accounts
    where ops.share_of(store_code, %(shares)s) = %(share)s
),

listed as (
    select
        a.store_code,
        a.open_id,
        d.account_id,
        d.day,
        d.late,
        d.chosen_capture_no as capture_no,
        'capture' as source,
        p.observed_at,
        p.page_no,
        v.*
    from mine as a
    inner join capture.account_day as d on a.id = d.account_id
    inner join capture.video_list as p
        on
            d.account_id = p.account_id
            and d.day = p.day
            and d.chosen_capture_no = p.capture_no
    cross join jsonb_to_recordset(p.body -> 'data' -> 'videos') as v (
        id text, video_description text, title text, cover_image_url text, share_url text, create_time jsonb,
        duration jsonb, height jsonb, width jsonb,
        view_count jsonb, like_count jsonb, comment_count jsonb, share_count jsonb
    )
    where
        d.endpoint = 'video_list'
        and d.day between %(first)s and %(last)s
        and p.day between %(first)s and %(last)s
        and p.endpoint = 'video_list'
    union all
    select
        a.store_code,
        a.open_id,
        d.account_id,
        d.day,
        d.late,
        0 as capture_no,
        'import' as source,
        i.observed_at,
        0 as page_no,
        v.*
    from mine as a
    inner join capture.account_day as d on a.id = d.account_id
    inner join capture.imported as i
        on
            d.account_id = i.account_id
            and d.endpoint = i.endpoint
            and d.day = i.day
    cross join jsonb_to_record(i.fields) as v (
        id text, video_description text, title text, cover_image_url text, share_url text, create_time jsonb,
        duration jsonb, height jsonb, width jsonb,
        view_count jsonb, like_count jsonb, comment_count jsonb, share_count jsonb
    )
    where
        d.endpoint = 'video_list'
        and d.state = 'imported'
        and d.day between %(first)s and %(last)s
),

once as materialized (
    select distinct on (l.store_code, l.id, l.day) l.*
    from listed as l
    where l.id <> ''
    order by l.store_code, l.id, l.day, l.capture_no desc, l.page_no desc, l.account_id
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
    delete from snapshots.tiktok_video_daily as s
    where
        s.snapshot_date between %(first)s and %(last)s
        and ops.share_of(s.store_code, %(shares)s) = %(share)s
        and not exists (
            select
            from once as w
            where
                w.store_code = s.store_code
                and w.id = s.video_id
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
    insert into snapshots.tiktok_video_daily as s (
        store_code, video_id, snapshot_date, description, cover_image_url, share_url, create_time,
        view_count, like_count, comment_count, share_count,
        account_id, open_id, title, duration, height, width, observed_at, source, late, capture_no
    )
    select
        n.store_code,
        n.id,
        n.day,
        n.video_description,
        n.cover_image_url,
        split_part(n.share_url, '?', 1),
        capture.instant(n.create_time),
        capture.counter(n.view_count),
        capture.counter(n.like_count),
        capture.counter(n.comment_count),
        capture.counter(n.share_count),
        n.account_id,
        n.open_id,
        n.title,
        capture.measure(n.duration),
        capture.measure(n.height),
        capture.measure(n.width),
        n.observed_at,
        n.source,
        n.late,
        n.capture_no
    from once as n
    on conflict (store_code, video_id, snapshot_date) do update
    set
        description = excluded.description,
        cover_image_url = excluded.cover_image_url,
        share_url = excluded.share_url,
        create_time = excluded.create_time,
        view_count = excluded.view_count,
        like_count = excluded.like_count,
        comment_count = excluded.comment_count,
        share_count = excluded.share_count,
        account_id = excluded.account_id,
        open_id = excluded.open_id,
        title = excluded.title,
        duration = excluded.duration,
        height = excluded.height,
        width = excluded.width,
        observed_at = excluded.observed_at,
        source = excluded.source,
        late = excluded.late,
        capture_no = excluded.capture_no
    where
        (
            s.description, s.cover_image_url, s.share_url, s.create_time,
            s.view_count, s.like_count, s.comment_count, s.share_count,
            s.account_id, s.open_id, s.title, s.duration, s.height, s.width,
            s.observed_at, s.source, s.late, s.capture_no
        ) is distinct from (
            excluded.description, excluded.cover_image_url, excluded.share_url, excluded.create_time,
            excluded.view_count, excluded.like_count, excluded.comment_count, excluded.share_count,
            excluded.account_id, excluded.open_id, excluded.title, excluded.duration, excluded.height,
            excluded.width, excluded.observed_at, excluded.source, excluded.late, excluded.capture_no
        )
    returning s.account_id
)

select account_id from removed
union all
select account_id from written;
