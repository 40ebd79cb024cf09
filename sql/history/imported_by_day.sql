-- What was imported for each day from first to last. A row is a day with imports.
-- Of stores that were deleted, the hashes are left. before_hash leaves out the account-days that were imported after
-- the day's latest entry in the manifest.
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
        d.time_zone,
        coalesce(d.finished_at > l.written_at, false) as new
    from capture.account_day as d
    left join latest as l on d.day = l.day
    where
        d.day between %(first)s and %(last)s
        and d.state = 'imported'
),

-- An account-day may have been imported without a video: it stands before its rows, with no item.
parts as (
    select
        endpoint,
        day,
        account_id,
        '' as item_id,
        0 as rows,
        new,
        capture.imported_day_hash(endpoint, day, account_id, time_zone) as hash
    from account_days
    union all
    select
        i.endpoint,
        i.day,
        i.account_id,
        i.item_id,
        1,
        d.new,
        capture.imported_hash(i) as hash
    from capture.imported as i
    left join account_days as d
        on
            i.endpoint = d.endpoint
            and i.day = d.day
            and i.account_id = d.account_id
    where i.day between %(first)s and %(last)s
    union all
    select
        d.endpoint,
        d.day,
        d.account_id,
        '',
        d.imported_rows,
        coalesce(d.state = 'imported' and d.finished_at > l.written_at, false),
        d.imported_hashes
    from capture.deleted_account_day as d
    left join latest as l on d.day = l.day
    where
        d.day between %(first)s and %(last)s
        and d.imported_hashes <> ''
)

select
    day,
    sum(rows)::bigint as imported_rows,
    encode(sha256(string_agg(hash, '' order by endpoint, account_id, item_id collate "C")), 'hex') as imported_hash,
    coalesce(encode(sha256(
        string_agg(hash, '' order by endpoint, account_id, item_id collate "C") filter (where new is not true)
    ), 'hex'), '') as imported_before_hash
from parts
group by day
