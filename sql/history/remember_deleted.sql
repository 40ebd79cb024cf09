-- Keep of a store's sealed account-days what the chain of closed days needs, before the store is deleted. No row.
-- The hashes are those of ledger_by_day, pages_by_day and imported_by_day. Days that are not in the chain, and days
-- before an account was connected, leave nothing.
with leaving as materialized (
    select d.*
    from capture.account_day as d
    where
        d.account_id = any(%(account_ids)s)
        and d.state in ('captured', 'imported', 'gap')
        and d.reason is distinct from 'not_yet_connected'
        and exists (select from capture.manifest as m where m.day = d.day)
),

pages as (
    select
        p.endpoint,
        p.day,
        p.account_id,
        count(*) as pages,
        string_agg(
            sha256(convert_to(concat_ws(
                '|', p.endpoint, p.day - date '2000-01-01', p.account_id, p.capture_no, p.page_no,
                extract(epoch from p.observed_at), quote_nullable(p.time_zone), quote_nullable(p.log_id),
                quote_nullable(p.run_id), p.body
            ), 'UTF8')),
            '' order by p.capture_no, p.page_no
        ) as hashes
    from leaving as d
    inner join capture.page as p
        on
            d.endpoint = p.endpoint
            and d.day = p.day
            and d.account_id = p.account_id
    group by
        p.endpoint,
        p.day,
        p.account_id
),

imported as (
    select
        i.endpoint,
        i.day,
        i.account_id,
        count(*) as rows,
        string_agg(
            sha256(convert_to(concat_ws(
                '|', i.endpoint, i.day - date '2000-01-01', i.account_id, quote_nullable(i.item_id),
                quote_nullable(extract(epoch from i.observed_at)), quote_nullable(i.imported_from),
                extract(epoch from i.imported_at), i.fields
            ), 'UTF8')),
            '' order by i.item_id collate "C"
        ) as hashes
    from capture.imported as i
    where i.account_id = any(%(account_ids)s)
    group by
        i.endpoint,
        i.day,
        i.account_id
)

insert into capture.deleted_account_day (
    endpoint, day, account_id, deletion_id, state, planned_at, finished_at, items, hash, pages, page_hashes,
    imported_rows, imported_hashes
)
select
    d.endpoint,
    d.day,
    d.account_id,
    %(deletion_id)s,
    d.state,
    d.planned_at,
    d.finished_at,
    d.items,
    sha256(convert_to(concat_ws(
        '|', d.endpoint, d.day - date '2000-01-01', d.account_id, quote_nullable(d.time_zone), d.state,
        quote_nullable(d.reason), quote_nullable(d.chosen_capture_no), d.late, d.pages, d.items,
        quote_nullable(extract(epoch from d.started_at)), quote_nullable(extract(epoch from d.captured_at))
    ), 'UTF8')),
    coalesce(p.pages, 0),
    coalesce(p.hashes, ''),
    coalesce(i.rows, 0),
    case d.state
        when 'imported' then sha256(convert_to(concat_ws(
            '|', d.endpoint, d.day - date '2000-01-01', d.account_id, quote_nullable(d.time_zone)
        ), 'UTF8'))
        else ''
    end || coalesce(i.hashes, '')
from leaving as d
left join pages as p
    on
        d.endpoint = p.endpoint
        and d.day = p.day
        and d.account_id = p.account_id
left join imported as i
    on
        d.endpoint = i.endpoint
        and d.day = i.day
        and d.account_id = i.account_id
