-- What the ledger says of each day from first to last. A row is a day with account-days. Those before an account was
-- connected do not count: they say nothing, and are written whenever somebody asks for such days.
-- new_…: what was added after the day's latest entry in the manifest (a deletion's adds nothing); gaps_before_hash
-- and accounts_before_hash leave these out. Account-days of stores that were deleted count as they did before.
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

identities as materialized (
    select
        id as account_id,
        capture.identity_hash(id, store_code, open_id) as identity
    from hub.store_accounts
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
        capture.account_day_hash(d) as hash,
        case when d.state in ('captured', 'imported') then i.identity end as identity
    from capture.account_day as d
    left join identities as i on d.account_id = i.account_id
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
        hash,
        identity
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
    ), 'hex'), '') as gaps_before_hash,
    coalesce(encode(sha256(string_agg(identity, '' order by endpoint, account_id)), 'hex'), '') as accounts_hash,
    coalesce(encode(sha256(
        string_agg(identity, '' order by endpoint, account_id) filter (where not new_import)
    ), 'hex'), '') as accounts_before_hash
from aged
group by day
