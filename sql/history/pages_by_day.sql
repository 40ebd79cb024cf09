-- The pages of each day from first to last. A row is a day with pages.
-- `page` is capture.page, or a temporary table of that name into which an archived month was read back.
select
    day,
    count(*) as pages,
    encode(sha256(string_agg(hash, '' order by endpoint, account_id, capture_no, page_no)), 'hex') as pages_hash
from (
    select
        endpoint,
        day,
        account_id,
        capture_no,
        page_no,
        sha256(convert_to(concat_ws(
            '|', endpoint, day - date '2000-01-01', account_id, capture_no, page_no,
            extract(epoch from observed_at), quote_nullable(time_zone), quote_nullable(log_id),
            quote_nullable(run_id), body
        ), 'UTF8')) as hash
    from page
    where day between %(first)s and %(last)s
) as pages
group by day
