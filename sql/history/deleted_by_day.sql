-- What is left of deleted stores of the days from first to last, or of the days that a deletion touched. A row is a day.
with days as (
    select distinct day
    from capture.deleted_account_day
    where
        day between %(first)s and %(last)s
        or deletion_id = %(deletion_id)s
)

select
    d.day,
    count(*) as deleted,
    encode(sha256(string_agg(
        sha256(convert_to(concat_ws(
            '|', d.endpoint, d.day - date '2000-01-01', d.account_id, d.deletion_id, d.state,
            extract(epoch from d.planned_at), quote_nullable(extract(epoch from d.finished_at)), d.items,
            encode(d.hash, 'hex'), d.pages, encode(d.page_hashes, 'hex'),
            d.imported_rows, encode(d.imported_hashes, 'hex'),
            -- Of what was deleted before these were kept, the hash stays as it is.
            'identity ' || encode(d.identity, 'hex'),
            case when d.queries > 0 then 'queries ' || encode(d.query_hashes, 'hex') end
        ), 'UTF8')),
        '' order by d.endpoint, d.account_id
    )), 'hex') as deleted_hash
from capture.deleted_account_day as d
where d.day in (select day from days)
group by d.day
order by d.day
