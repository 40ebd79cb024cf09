-- Keep of a store's sealed account-days what the chain of closed days needs, before the store is deleted. No row.
-- The hashes are those of ledger_by_day, pages_by_day, imported_by_day and queries_by_day. Days that are not in the chain, and days
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
            capture.page_hash(
                p.endpoint, p.day, p.account_id, p.capture_no, p.page_no, p.observed_at, p.time_zone, p.log_id,
                p.run_id, p.body
            ),
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
        string_agg(capture.imported_hash(i), '' order by i.item_id collate "C") as hashes
    from capture.imported as i
    where i.account_id = any(%(account_ids)s)
    group by
        i.endpoint,
        i.day,
        i.account_id
),

queries as (
    select
        q.day,
        q.account_id,
        count(*) as queries,
        string_agg(capture.query_hash(q), '' order by q.id) as hashes
    from capture.video_query as q
    where q.account_id = any(%(account_ids)s)
    group by
        q.day,
        q.account_id
)

insert into capture.deleted_account_day (
    endpoint, day, account_id, deletion_id, state, planned_at, finished_at, items, hash, pages, page_hashes,
    imported_rows, imported_hashes, identity, queries, query_hashes
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
    capture.account_day_hash(d),
    coalesce(p.pages, 0),
    coalesce(p.hashes, ''),
    coalesce(i.rows, 0),
    case d.state
        when 'imported' then capture.imported_day_hash(d.endpoint, d.day, d.account_id, d.time_zone)
        else ''
    end || coalesce(i.hashes, ''),
    case when d.state in ('captured', 'imported') then capture.identity_hash(a.id, a.store_code, a.open_id) end,
    coalesce(q.queries, 0),
    coalesce(q.hashes, '')
from leaving as d
inner join hub.store_accounts as a on d.account_id = a.id
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
left join queries as q
    on
        d.endpoint = 'video_list'
        and d.day = q.day
        and d.account_id = q.account_id
