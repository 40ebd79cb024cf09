-- TikTok's answers have the fields that they had: a new one, or one that vanished, is reported once, on its first day.
-- table: capture.user_info, capture.video_list
-- severity: warning: a renamed counter would be NULL from that day on
-- what to do: a new field may stay as it is; one that vanished or was renamed is NULL from now on: look what TikTok announced, read it under its new name, and derive the days again, as pages keep every field
-- counts: fields
-- before: quality/note_fields
-- A row is a day with answers. A field must have been in nearly all objects (field_share) to be missed.
with answered as (
    select
        day,
        lag(day) over (order by day) as day_before
    from (
        select distinct day
        from capture.account_day
        where
            endpoint = %(endpoint)s
            and state = 'captured'
            and day <= %(last)s
    ) as days
),

judged as (
    select
        d.day,
        f.path,
        f.first_seen = d.day and d.day_before >= b.began as new,
        f.last_seen = d.day_before and f.share >= snapshots.threshold_of('field_share') and p.last_seen >= d.day as vanished
    from answered as d
    inner join capture.field_path as f
        on
            f.endpoint = %(endpoint)s
            and f.first_seen <= d.day
    left join capture.field_path as p
        on
            f.endpoint = p.endpoint
            and p.path = regexp_replace(f.path, '(\.[^.]*|\[\])$', '')
    cross join (
        select min(first_seen) as began
        from capture.field_path
        where endpoint = %(endpoint)s
    ) as b
    where d.day between %(first)s and %(last)s
)

select
    day,
    null as account_id,
    count(*) as checked,
    count(*) filter (where new or vanished) as failing,
    string_agg(case when new then 'new: ' else 'vanished: ' end || path, ', ' order by path) filter (where new or vanished)
        as example
from judged
group by day
