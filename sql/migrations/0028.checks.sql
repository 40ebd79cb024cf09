-- What checks compare a day with: the fields of TikTok's answers, an account's usual growth; and what is broken now.
-- depends: 0024.quality

insert into snapshots.threshold (name, value, meaning) values
('zeroed_videos', 3, 'videos of an account-day that fall to zero, at least, for the account-day to be quarantined'),
('zeroed_share', 0.2, 'share of an account-day''s videos that fall to zero, at least, for it to be quarantined'),
('history_days', 28, 'days before a day that it is compared with'),
('growth_history', 14, 'days with a growth among these, at least, before an account''s growth is judged'),
('growth_score', 10, 'distance from the usual growth, in spreads, from which a growth is unusual'),
('growth_floor', 50, 'a day: the least spread of a growth'),
('growth_floor_share', 0.01, 'share of the counter: the least spread of a growth'),
('growth_rise_share', 0.9, 'share of the counter: the least rise of one account that is unusual; a viral video is not'),
('wide_accounts', 5, 'accounts that move unusually in one direction on one day, at least, for a provider-wide event'),
('wide_share', 0.2, 'share of the accounts judged that day that do so, at least, for a provider-wide event'),
('field_pages', 1000, 'pages of an endpoint and day, at most, whose fields are looked at'),
('field_share', 0.9, 'share of the objects that had a field, at least, for its absence to be reported'),
('id_days', 7, 'days between the second in a video''s id and create_time, at most');

create table capture.field_path (
    endpoint text not null check (endpoint in ('user_info', 'video_list')),
    path text not null,
    first_seen date not null,
    last_seen date not null,
    share numeric not null,
    primary key (endpoint, path)
);

comment on table capture.field_path is 'One row per field that TikTok''s answers have had, as far as they were looked at.';
comment on column capture.field_path.endpoint is 'user_info (profile) or video_list (videos).';
comment on column capture.field_path.path is 'Where the field stands in the answer, e.g. .data.videos[].view_count.';
comment on column capture.field_path.first_seen is 'The first day on which an answer had it.';
comment on column capture.field_path.last_seen is 'The last day on which an answer had it.';
comment on column capture.field_path.share is 'Of the objects that could have it, the share that had it on the last day.';

-- How followers and likes of an account grew a day, and how they usually do: the median of the days before, and the median
-- distance from it, which a few wild days do not move. A growth that is usual for its weekday is usual. A counter of zero
-- is left out here: that is a fault of its own. One account's rise must be great to be unusual, for videos go viral. Where many accounts move at once in one direction it is TikTok: `wide`.
create function snapshots.growth(first date, last date) returns table (
    account_id bigint,
    day date,
    counter text,
    before bigint,
    after bigint,
    growth numeric,
    usual numeric,
    spread numeric,
    days bigint,
    unusual boolean,
    judged bigint,
    wide boolean
)
language sql stable
set jit = off
set enable_nestloop = off
as $$
with counters as (
    select
        u.account_id,
        u.snapshot_date as day,
        c.counter,
        c.value,
        lag(c.value) over previous as value_before,
        lag(u.snapshot_date) over previous as day_before
    from snapshots.tiktok_user_daily as u
    cross join lateral (
        values
        ('follower_count', u.follower_count),
        ('likes_count', u.likes_count)
    ) as c (counter, value)
    where
        u.snapshot_date between first - 2 * snapshots.threshold_of('history_days')::integer and last
        and c.value > 0
    window previous as (partition by u.account_id, c.counter order by u.snapshot_date)
),

growths as materialized (
    select
        g.*,
        ((g.value - g.value_before)::double precision / (g.day - g.day_before)) as growth
    from counters as g
    where g.value_before is not null
),

medians as materialized (
    select
        g.account_id,
        g.day,
        g.counter,
        count(*) as days,
        percentile_cont(0.5) within group (order by h.growth) as usual,
        case
            when count(*) filter (where extract(dow from h.day) = extract(dow from g.day)) >= 3
                then percentile_cont(0.5) within group (order by h.growth)
                    filter (where extract(dow from h.day) = extract(dow from g.day))
        end as usual_weekday
    from growths as g
    inner join growths as h
        on
            g.account_id = h.account_id
            and g.counter = h.counter
            and h.day < g.day
            and h.day >= g.day - snapshots.threshold_of('history_days')::integer
    where g.day between first and last
    group by
        g.account_id,
        g.day,
        g.counter
    having count(*) >= snapshots.threshold_of('growth_history')
),

spreads as (
    select
        m.account_id,
        m.day,
        m.counter,
        percentile_cont(0.5) within group (order by abs(h.growth - m.usual)) * 1.4826 as spread
    from medians as m
    inner join growths as h
        on
            m.account_id = h.account_id
            and m.counter = h.counter
            and h.day < m.day
            and h.day >= m.day - snapshots.threshold_of('history_days')::integer
    group by
        m.account_id,
        m.day,
        m.counter
),

measured as (
    select
        g.*,
        m.usual,
        m.days,
        least(abs(g.growth - m.usual), abs(g.growth - m.usual_weekday)) as distance,
        greatest(
            s.spread,
            snapshots.threshold_of('growth_floor')::double precision,
            g.value_before * snapshots.threshold_of('growth_floor_share')::double precision
        ) as spread
    from growths as g
    inner join medians as m
        on
            g.account_id = m.account_id
            and g.day = m.day
            and g.counter = m.counter
    inner join spreads as s
        on
            g.account_id = s.account_id
            and g.day = s.day
            and g.counter = s.counter
),

judged as (
    select
        *,
        distance >= spread * snapshots.threshold_of('growth_score')::double precision as moved,
        count(*) over (partition by day, counter) as judged
    from measured
)

select
    account_id,
    day,
    counter,
    value_before,
    value,
    growth::numeric,
    usual::numeric,
    spread::numeric,
    days,
    moved and (
        growth < usual
        or distance >= value_before * snapshots.threshold_of('growth_rise_share')::double precision
    ),
    judged,
    moved
    and count(*) filter (where moved) over same_way >= snapshots.threshold_of('wide_accounts')
    and count(*) filter (where moved) over same_way >= judged * snapshots.threshold_of('wide_share')
from judged
window same_way as (partition by day, counter, growth < usual)
$$;

-- Whatever is one cause is one row. The time zone is that of the newest day in the ledger.
create view reporting.broken_now as
with today as (
    select
        ops.day_of(ops.now(), d.time_zone) as day,
        d.time_zone
    from capture.account_day as d
    order by
        d.endpoint desc,
        d.day desc,
        d.account_id desc
    limit 1
)

select
    'reconnect' as kind,
    'accounts whose grant has ended' as what,
    min(a.status_changed_at) as since,
    count(*) as count,
    (array_agg(format('account %s (store %s)', a.id, a.store_code) order by a.status_changed_at, a.id))[1] as example,
    'tiktok-pipeline reconnect --all makes a link for each store' as what_to_do
from hub.store_accounts as a
where a.status = 'NEED_RECONNECT'
having count(*) > 0

union all

select
    'account_error',
    'accounts whose captures keep failing',
    min(a.status_changed_at),
    count(*),
    (array_agg(format('account %s (store %s)', a.id, a.store_code) order by a.status_changed_at, a.id))[1],
    'tiktok-pipeline failed list says why'
from hub.store_accounts as a
where a.status = 'ERROR'
having count(*) > 0

union all

select
    'failed_capture',
    format('%s: %s', f.endpoint, coalesce(f.error_code, f.reason)),
    f.oldest_at,
    f.account_days,
    format('account %s (store %s): %s', f.example_account_id, f.example_store_code, f.example_message),
    case
        when f.newest_day < t.day then 'nothing: the day has passed, and the next run notes the gap'
        when f.final then 'mend the cause, then tiktok-pipeline failed retry'
        else 'nothing: it is tried again until the day ends'
    end
from reporting.failed_captures as f
cross join today as t

union all

select
    'gap',
    format('%s of %s: %s', d.endpoint, d.day, coalesce(d.reason, 'not closed yet')),
    ops.day_start(d.day, t.time_zone),
    count(*),
    (array_agg(format('account %s (store %s)', d.account_id, a.store_code) order by d.account_id))[1],
    'nothing brings the day back; mend the cause, so that today does not follow'
from today as t
inner join capture.account_day as d on d.day = t.day - 1
inner join hub.store_accounts as a on d.account_id = a.id
where
    d.state in ('gap', 'planned')
    and d.reason is distinct from 'cancelled'
    and d.reason is distinct from 'not_yet_connected'
group by
    d.endpoint,
    d.day,
    d.reason,
    t.time_zone

union all

-- Of each check the newest verdict; what failed on older days is in reporting.quality_results.
select
    'check',
    format('%s of %s, %s', q.check_name, q.table_name, q.severity),
    q.failing_since,
    coalesce(q.failing, 1),
    format('%s: %s', q.day, q.message),
    'docs/quality.md says what the check means'
from (
    select distinct on (table_name, check_name) *
    from reporting.quality_results
    order by
        table_name,
        check_name,
        day desc
) as q
where
    not q.passed
    and q.severity <> 'info'

union all

select
    'quarantine',
    format('%s left out by %s', q.endpoint, q.check_name),
    min(q.since),
    count(*),
    (
        array_agg(
            format('account %s (store %s) on %s: %s', q.account_id, a.store_code, q.day, q.reason)
            order by q.day desc, q.account_id
        )
    )[1],
    'capture today again with force: true, or tiktok-pipeline quarantine release'
from snapshots.quarantine as q
inner join hub.store_accounts as a on q.account_id = a.id
where q.released_at is null
group by
    q.endpoint,
    q.check_name;

comment on view reporting.broken_now is 'One row per thing that is broken right now, as far as the database knows.';
comment on column reporting.broken_now.kind is 'reconnect, account_error, failed_capture, gap (of the latest day), check or quarantine.';
comment on column reporting.broken_now.what is 'What is broken.';
comment on column reporting.broken_now.since is 'Since when; the oldest of them.';
comment on column reporting.broken_now.count is 'How many accounts, account-days, or things that a check found.';
comment on column reporting.broken_now.example is 'One of them.';
comment on column reporting.broken_now.what_to_do is 'What helps.';
