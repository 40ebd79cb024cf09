-- Plan a fresh capture of what was captured today already. A row of the result is such an account.
-- The snapshot stays what it is until the fresh capture is complete. What this very run has captured is fresh.
update capture.account_day as d
set
    state = 'planned',
    capture_no = d.capture_no + 1,
    cursor = null,
    pages = 0,
    items = 0,
    refused = 0
from hub.store_accounts as a
where
    d.endpoint = %(endpoint)s
    and d.day = %(day)s
    and d.state = 'captured'
    and ops.day_of(ops.now(), %(zone)s) = d.day
    and (%(run_id)s::text is null or d.run_id is distinct from %(run_id)s)
    and (%(before)s::timestamptz is null or d.captured_at < %(before)s::timestamptz)
    and (%(accounts)s::bigint[] is null or d.account_id = any(%(accounts)s::bigint[]))
    and a.id = d.account_id
    and a.status in ('CONNECTED', 'ERROR')
returning d.account_id
