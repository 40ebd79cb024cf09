-- Let failed account-days of today be tried again by the next run, also what is final. A row of the result is one.
-- What killed three workers may kill one more, and is isolated again then.
update capture.account_day as d
set
    final = false,
    deaths = least(d.deaths, 2)
from unnest(%(account_ids)s::bigint[], %(endpoints)s::text[], %(days)s::date[]) as chosen (account_id, endpoint, day)
where
    d.account_id = chosen.account_id
    and d.endpoint = chosen.endpoint
    and d.day = chosen.day
    and d.state = 'failed'
    and d.day = ops.day_of(ops.now(), d.time_zone)
returning d.account_id
