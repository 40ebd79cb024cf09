-- What is left of a day. One row: how many account-days may still be fetched, by us or by another worker.
select count(*) as account_days
from capture.account_day as d
where
    d.endpoint = %(endpoint)s
    and d.day = %(day)s
    and (%(accounts)s::bigint[] is null or d.account_id = any(%(accounts)s::bigint[]))
    and capture.is_open(d, %(grace)s)
