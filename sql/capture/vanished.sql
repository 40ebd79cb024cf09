-- Videos to ask TikTok after: not gone, and not on the list that was captured today. A row is an account; those that were
-- asked after longest ago come first, at most so many of an account, none that was asked after today.
-- Of an account whose list lacks most of its videos, or is empty, only what a list before has lacked already: whether
-- that list can be believed is judged after the day's capture.
with captured as materialized (
    select account_id
    from capture.account_day
    where
        endpoint = 'video_list'
        and day = %(day)s
        and state = 'captured'
),

listed as materialized (
    select
        d.account_id,
        v.video ->> 'id' as video_id
    from capture.account_day as d
    inner join capture.video_list as p
        on
            d.account_id = p.account_id
            and d.day = p.day
            and d.chosen_capture_no = p.capture_no
    cross join jsonb_array_elements(p.body #> '{data,videos}') as v (video)
    where
        d.endpoint = 'video_list'
        and d.day = %(day)s
        and d.state = 'captured'
        and p.day = %(day)s
        and p.endpoint = 'video_list'
),

standing as materialized (
    select
        p.account_id,
        p.video_id,
        p.last_seen,
        p.state
    from snapshots.video_presence as p
    where
        p.state <> 'gone'
        and p.account_id in (select c.account_id from captured as c)
),

vanished as (
    select
        s.*,
        count(*) filter (where s.state <> 'missing') over (partition by s.account_id) as newly,
        not exists (
            select
            from listed as l
            where l.account_id = s.account_id
        ) as emptied
    from standing as s
    where not exists (
        select
        from listed as l
        where
            l.account_id = s.account_id
            and l.video_id = s.video_id
    )
),

asked as (
    select
        q.account_id,
        a.video_id,
        max(q.observed_at) as asked_at,
        bool_or(q.day = %(day)s) as asked_today
    from capture.video_query as q
    cross join unnest(q.asked) as a (video_id)
    where q.account_id in (select v.account_id from vanished as v)
    group by
        q.account_id,
        a.video_id
),

ranked as (
    select
        v.account_id,
        v.video_id,
        row_number() over (
            partition by v.account_id
            order by a.asked_at nulls first, v.last_seen desc, v.video_id
        ) as place
    from vanished as v
    inner join hub.store_accounts as h on h.id = v.account_id
    left join asked as a
        on
            v.account_id = a.account_id
            and v.video_id = a.video_id
    where
        h.status in ('CONNECTED', 'ERROR')
        and a.asked_today is not true
        and (
            v.newly = 0
            or (v.newly <= %(few)s and not v.emptied)
            or v.newly * 2 <= (select count(*) from standing as s where s.account_id = v.account_id)
        )
)

select
    account_id,
    array_agg(video_id order by place) as video_ids
from ranked
where place <= %(most)s
group by account_id
order by account_id
