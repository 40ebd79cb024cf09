-- The pages of each day from first to last. A row is a day with pages.
-- `page` is capture.page, or a temporary table of that name into which an archived month was read back.
-- Of stores that were deleted, the hashes are left, unless the archived month still has their pages.
select
    day,
    sum(pages)::bigint as pages,
    encode(sha256(string_agg(hash, '' order by endpoint, account_id, capture_no, page_no)), 'hex') as pages_hash
from (
    select
        endpoint,
        day,
        account_id,
        capture_no,
        page_no,
        1 as pages,
        capture.page_hash(
            endpoint, day, account_id, capture_no, page_no, observed_at, time_zone, log_id, run_id, body
        ) as hash
    from page
    where day between %(first)s and %(last)s
    union all
    select
        endpoint,
        day,
        account_id,
        0,
        0,
        pages,
        page_hashes
    from capture.deleted_account_day as d
    where
        day between %(first)s and %(last)s
        and pages > 0
        and not exists (
            select
            from page
            where
                page.endpoint = d.endpoint
                and page.day = d.day
                and page.account_id = d.account_id
                and page.day between %(first)s and %(last)s
        )
) as pages
group by day
