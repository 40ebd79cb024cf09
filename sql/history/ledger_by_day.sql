-- What the ledger says of each day from first to last. A row is a day with account-days. Those before an account was
-- connected do not count: they say nothing, and are written whenever somebody asks for such days.
-- new_…: what was added after the day's latest entry in the manifest (a deletion's adds nothing); gaps_before_hash
-- leaves these out. Account-days of stores that were deleted count as they did before.
with latest as (
    select distinct on (day)
        day,
        written_at
    from capture.manifest
    where
        day between %(first)s and %(last)s
        and reason <> 'deleted'
    order by day, revision desc
),

account_days as (
    select
        d.endpoint,
        d.day,
        d.account_id,
        d.state,
        d.planned_at,
        d.finished_at,
        d.items,
        -- No time zone or date style of a session may show in what is hashed.
        sha256(convert_to(concat_ws(
            '|', d.endpoint, d.day - date '2000-01-01', d.account_id, quote_nullable(d.time_zone), d.state,
            quote_nullable(d.reason), quote_nullable(d.chosen_capture_no), d.late, d.pages, d.items,
            quote_nullable(extract(epoch from d.started_at)), quote_nullable(extract(epoch from d.captured_at))
        ), 'UTF8')) as hash
    from capture.account_day as d
    where
        d.day between %(first)s and %(last)s
        and d.reason is distinct from 'not_yet_connected'
    union all
    select
        endpoint,
        day,
        account_id,
        state,
        planned_at,
        finished_at,
        items,
        hash
    from capture.deleted_account_day
    where day between %(first)s and %(last)s
),

aged as (
    select
        d.*,
        coalesce(d.state = 'imported' and d.finished_at > l.written_at, false) as new_import,
        coalesce(d.state = 'gap' and d.planned_at > l.written_at, false) as new_gap
    from account_days as d
    left join latest as l on d.day = l.day
)

select
    day,
    count(*) as account_days,
    count(*) filter (where state = 'captured') as captured,
    count(*) filter (where state = 'imported') as imported,
    count(*) filter (where state = 'gap') as gaps,
    coalesce(sum(items), 0)::bigint as items,
    count(*) filter (where state not in ('captured', 'imported', 'gap')) as unsettled,
    count(*) filter (where new_import) as new_imports,
    count(*) filter (where new_gap) as new_gaps,
    coalesce(encode(sha256(
        string_agg(hash, '' order by endpoint, account_id) filter (where state = 'captured')
    ), 'hex'), '') as captured_hash,
    coalesce(encode(sha256(
        string_agg(hash, '' order by endpoint, account_id) filter (where state = 'gap')
    ), 'hex'), '') as gaps_hash,
    coalesce(encode(sha256(
        string_agg(hash, '' order by endpoint, account_id) filter (where state = 'gap' and not new_gap)
    ), 'hex'), '') as gaps_before_hash
from aged
group by day
