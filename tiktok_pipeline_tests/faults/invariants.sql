-- What holds whatever breaks. A row of the result is a violation: which invariant, and where.
-- `settled`: the work was done again after the fault, so that everything has to be in a final state.
-- `may_reconnect`: accounts whose grant really ended; `secrets`: what may stand nowhere; `most`: requests in `window` s.
with ledger as materialized (
    select
        d.*,
        d.day < ops.day_of(ops.now(), d.time_zone) as is_past
    from capture.account_day as d
),

pages as materialized (
    select
        endpoint,
        day,
        account_id,
        capture_no,
        count(*) as pages,
        count(distinct page_no) as page_numbers,
        max(page_no) as last_page_no,
        sum(
            case
                when jsonb_typeof(body #> '{data,videos}') = 'array' then jsonb_array_length(body #> '{data,videos}')
                when endpoint = 'user_info' then 1
                else 0
            end
        ) as items,
        (array_agg(body #>> '{data,has_more}' order by page_no desc))[1] as has_more
    from capture.page
    group by
        endpoint,
        day,
        account_id,
        capture_no
),

videos as materialized (
    select distinct
        d.account_id,
        d.day,
        video ->> 'id' as video_id
    from ledger as d
    inner join capture.page as p
        on
            p.endpoint = d.endpoint
            and p.day = d.day
            and p.account_id = d.account_id
            and p.capture_no = d.chosen_capture_no
    cross join lateral jsonb_array_elements(p.body #> '{data,videos}') as video
    where d.endpoint = 'video_list'
),

-- Months whose pages lie in an archive: nobody may look for them here.
archived as materialized (
    select distinct month
    from ops.archive_log
    where event in ('drop confirmed', 'dropped')
),

imports as materialized (
    select
        account_id,
        endpoint,
        day,
        count(*) as items
    from capture.imported
    group by
        account_id,
        endpoint,
        day
),

since_connected as materialized (
    select
        a.id as account_id,
        endpoint,
        s.day::date as day
    from hub.store_accounts as a
    cross join (values ('user_info'), ('video_list')) as endpoints (endpoint)
    cross join lateral generate_series(
        ops.day_of(a.connected_at, %(zone)s), ops.day_of(ops.now(), %(zone)s), interval '1 day'
    ) as s (day)
    where %(settled)s
),

texts as materialized (
    select 'capture.account_day' as place, error_message as text from capture.account_day
    union all
    select 'capture.page', body::text from capture.page
    union all
    select 'hub.store_accounts', status_reason from hub.store_accounts
    union all
    select 'hub.status_change', reason from hub.status_change
    union all
    select 'ops.outbox', concat_ws(' ', subject, body, details::text) from ops.outbox
)

-- I1: exactly one of each.
select
    'I1' as invariant,
    format('%%s ledger rows of account %%s, %%s, %%s', count(*), account_id, endpoint, day) as violation
from ledger
group by
    account_id,
    endpoint,
    day
having count(*) > 1
union all
select 'I1', format('%%s profiles of %%s on %%s', count(*), open_id, snapshot_date)
from snapshots.tiktok_user_daily
group by
    open_id,
    snapshot_date
having count(*) > 1
union all
select 'I1', format('video %%s %%s times on %%s', video_id, count(*), snapshot_date)
from snapshots.tiktok_video_daily
group by
    video_id,
    snapshot_date
having count(*) > 1
-- I2: every account-day since the connection has its state, and it is final.
union all
select 'I2', format('account %%s, %%s of %%s is lost', s.account_id, s.endpoint, s.day)
from since_connected as s
left join ledger as d
    on
        d.account_id = s.account_id
        and d.endpoint = s.endpoint
        and d.day = s.day
where d.account_id is null
union all
select 'I2', format('account %%s, %%s of %%s is still %%s', account_id, endpoint, day, state)
from ledger
where
    %(settled)s
    and (state in ('planned', 'capturing') or owner is not null or (state = 'failed' and is_past))
-- I3: the ledger says what the pages say, and the snapshots are what the pages hold: nothing lost, nothing made up.
union all
select
    'I3',
    format(
        'account %%s, %%s of %%s: %%s pages in the ledger, %%s there',
        d.account_id, d.endpoint, d.day, d.pages, coalesce(p.pages, 0)
    )
from ledger as d
left join pages as p
    on
        p.endpoint = d.endpoint
        and p.day = d.day
        and p.account_id = d.account_id
        and p.capture_no = d.capture_no
where
    d.state <> 'imported'
    and date_trunc('month', d.day) not in (select month from archived)
    and (d.pages, d.pages, d.pages - 1, d.items::bigint)
    is distinct from (
        coalesce(p.pages, 0), coalesce(p.page_numbers, 0), coalesce(p.last_page_no, -1), coalesce(p.items, 0)
    )
union all
select 'I3', format('account %%s, %%s of %%s: its last page says there is more', d.account_id, d.endpoint, d.day)
from ledger as d
inner join pages as p
    on
        p.endpoint = d.endpoint
        and p.day = d.day
        and p.account_id = d.account_id
        and p.capture_no = d.chosen_capture_no
where
    d.endpoint = 'video_list'
    and p.has_more = 'true'
union all
select 'I3', format('account %%s, %%s of %%s is captured without a page', d.account_id, d.endpoint, d.day)
from ledger as d
where
    d.chosen_capture_no is not null
    and date_trunc('month', d.day) not in (select month from archived)
    and not exists (
        select 1
        from pages as p
        where
            p.endpoint = d.endpoint
            and p.day = d.day
            and p.account_id = d.account_id
            and p.capture_no = d.chosen_capture_no
    )
union all
select 'I3', format('video %%s of account %%s on %%s stands in no page', s.video_id, s.account_id, s.snapshot_date)
from snapshots.tiktok_video_daily as s
left join videos as v
    on
        v.account_id = s.account_id
        and v.day = s.snapshot_date
        and v.video_id = s.video_id
where
    s.source = 'capture'
    and date_trunc('month', s.snapshot_date) not in (select month from archived)
    and v.video_id is null
union all
select 'I3', format('video %%s of account %%s on %%s is in no snapshot', v.video_id, v.account_id, v.day)
from videos as v
left join snapshots.tiktok_video_daily as s
    on
        s.account_id = v.account_id
        and s.snapshot_date = v.day
        and s.video_id = v.video_id
where
    %(settled)s
    and s.video_id is null
union all
select 'I3', format('profile of account %%s on %%s: page and snapshot do not go together', d.account_id, d.day)
from ledger as d
full join snapshots.tiktok_user_daily as s
    on
        s.account_id = d.account_id
        and s.snapshot_date = d.day
where
    (d.endpoint = 'user_info' or d.endpoint is null)
    and (
        (s.account_id is not null and d.chosen_capture_no is null and s.source = 'capture')
        or (%(settled)s and d.chosen_capture_no is not null and s.account_id is null)
    )
-- I4: nobody is asked to reconnect whose grant is alive.
union all
select 'I4', format('account %%s is %%s: %%s', id, status, status_reason)
from hub.store_accounts
where
    status in ('NEED_RECONNECT', 'ERROR')
    and id <> all(%(may_reconnect)s::bigint[])
-- I5: what failed or is missing says why, and stands among the dead letters exactly while it is failed.
union all
select 'I5', format('account %%s, %%s of %%s: %%s without a reason', account_id, endpoint, day, state)
from ledger
where
    state in ('failed', 'gap')
    and (reason is null or (state = 'failed' and error_code is null))
union all
select 'I5', format('%%s account-days failed, %%s dead letters', failed.account_days, letters.account_days)
from (select count(*) as account_days from ledger where state = 'failed') as failed
cross join (select coalesce(sum(account_days), 0) as account_days from reporting.failed_captures) as letters
where failed.account_days <> letters.account_days
-- I6: no window holds more permits than TikTok allows requests.
union all
select 'I6', format('%%s permits within one window before %%s', count(*), late.used_at)
from ops.quota_slot as late
inner join ops.quota_slot as early
    on
        early.client_key = late.client_key
        and early.endpoint = late.endpoint
        and early.used_at > late.used_at - make_interval(secs => %(window)s)
        and early.used_at <= late.used_at
group by
    late.client_key,
    late.endpoint,
    late.slot_no,
    late.used_at
having count(*) > %(most)s
-- I7: no secret in anything that people read.
union all
select distinct 'I7', 'a secret in ' || texts.place
from texts
inner join unnest(%(secrets)s::text[]) as secret on strpos(texts.text, secret) > 0
-- I9: a status that needs a person was noted, which is what messages are made of. (I8, the time to recover, is measured.)
union all
select 'I9', format('account %%s became %%s and nobody is told', a.id, a.status)
from hub.store_accounts as a
where
    a.status <> 'CONNECTED'
    and not exists (
        select 1
        from hub.status_change as c
        where
            c.account_id = a.id
            and c.to_status = a.status
    )
-- I10: the chain has every position once, every day is closed once, and revisions have no hole. (verify does the rest.)
union all
select 'I10', format('%%s entries in the chain, the last is number %%s', count(*), max(position))
from capture.manifest
having count(*) <> coalesce(max(position), 0)
union all
select 'I10', format('%%s was closed %%s times', day, count(*))
from capture.manifest
where reason = 'closed'
group by day
having count(*) > 1
union all
select 'I10', format('%%s has %%s entries, the last is revision %%s', day, count(*), max(revision))
from capture.manifest
group by day
having count(*) <> max(revision)
-- I11: what was imported stands where the ledger says so, and nowhere else: never over what was captured.
union all
select
    'I11',
    format(
        'account %%s, %%s of %%s: %%s in the ledger, %%s imported rows there',
        d.account_id, d.endpoint, d.day, d.state, coalesce(i.items, 0)
    )
from ledger as d
left join imports as i
    on
        i.account_id = d.account_id
        and i.endpoint = d.endpoint
        and i.day = d.day
where
    (d.state <> 'imported' and i.items is not null)
    or (d.state = 'imported' and d.endpoint = 'user_info' and i.items is distinct from 1)
