-- TikTok's answers about vanished videos of each day from first to last. A row is a day with answers.
-- Of stores that were deleted, the hashes are left.
select
    day,
    sum(queries)::bigint as queries,
    encode(sha256(string_agg(hash, '' order by account_id, id)), 'hex') as queries_hash
from (
    select
        q.day,
        q.account_id,
        q.id,
        1 as queries,
        capture.query_hash(q) as hash
    from capture.video_query as q
    where q.day between %(first)s and %(last)s
    union all
    select
        day,
        account_id,
        0,
        queries,
        query_hashes
    from capture.deleted_account_day
    where
        day between %(first)s and %(last)s
        and queries > 0
) as answers
group by day
