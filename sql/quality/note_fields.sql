-- capture.field_path: the fields in the answers of the days from first to last; of a day with many pages, in a sample of
-- field_pages of them, always the same. No row comes back.
with recursive sampled as (
    select
        numbered.day,
        numbered.body
    from (
        select
            d.day,
            p.body,
            row_number() over (partition by d.day order by hashint8(d.account_id * 4096 + p.page_no)) as place
        from capture.account_day as d
        inner join capture.page as p
            on
                d.account_id = p.account_id
                and d.endpoint = p.endpoint
                and d.day = p.day
                and d.chosen_capture_no = p.capture_no
        where
            d.endpoint = %(endpoint)s
            and p.endpoint = %(endpoint)s
            and d.day between %(first)s and %(last)s
            and p.day between %(first)s and %(last)s
    ) as numbered
    where numbered.place <= snapshots.threshold_of('field_pages')
),

walked as (
    select
        day,
        '' as path,
        body as value,
        0 as depth
    from sampled
    union all
    select
        w.day,
        w.path || c.step,
        c.value,
        w.depth + 1
    from walked as w
    cross join lateral (
        select
            '.' || left(o.key, 100) as step,
            o.value
        from jsonb_each(case when jsonb_typeof(w.value) = 'object' then w.value else '{}' end) as o
        union all
        select
            '[]',
            e.value
        from jsonb_array_elements(case when jsonb_typeof(w.value) = 'array' then w.value else '[]' end) as e (value)
    ) as c
    where w.depth < 6
),

paths as (
    select
        day,
        path,
        regexp_replace(path, '(\.[^.]*|\[\])$', '') as parent,
        count(*) as objects
    from walked
    group by
        day,
        path
),

shares as (
    select
        c.path,
        min(c.day) over (partition by c.path) as first_seen,
        c.day as last_seen,
        least(1, c.objects::numeric / p.objects) as share,
        row_number() over (partition by c.path order by c.day desc) as newest
    from paths as c
    inner join paths as p
        on
            c.day = p.day
            and c.parent = p.path
)

insert into capture.field_path as f (endpoint, path, first_seen, last_seen, share)
select
    %(endpoint)s,
    path,
    first_seen,
    last_seen,
    share
from shares
where newest = 1
on conflict (endpoint, path) do update
set
    first_seen = least(f.first_seen, excluded.first_seen),
    last_seen = greatest(f.last_seen, excluded.last_seen),
    share = case when excluded.last_seen >= f.last_seen then excluded.share else f.share end
where
    excluded.first_seen < f.first_seen
    or excluded.last_seen > f.last_seen
