-- Plan again what failed today. A row of the result is an account to be tried once more.
-- It goes on at the page it had reached, unless the pages themselves were the trouble. An account that waits for
-- a person is left as it is, with what TikTok said; what is final gets a few tries and no more; what killed its workers
-- waits until a person releases it. What was cancelled is planned once its account is enabled.
update capture.account_day as d
set
    state = 'planned',
    reason = null,
    final = false,
    capture_no = case when d.reason = 'malformed' then d.capture_no + 1 else d.capture_no end,
    cursor = case when d.reason = 'malformed' then null else d.cursor end,
    pages = case when d.reason = 'malformed' then 0 else d.pages end,
    items = case when d.reason = 'malformed' then 0 else d.items end,
    refused = case when d.reason = 'malformed' then 0 else d.refused end
from hub.store_accounts as a
where
    d.endpoint = %(endpoint)s
    and d.day = %(day)s
    and (d.state = 'failed' or (d.state = 'gap' and d.reason = 'cancelled'))
    and ops.day_of(ops.now(), %(zone)s) = d.day
    and (%(accounts)s::bigint[] is null or d.account_id = any(%(accounts)s::bigint[]))
    and a.id = d.account_id
    and a.status in ('CONNECTED', 'ERROR')
    and (not d.final or (d.attempts < 5 and d.error_code is distinct from 'poison'))
returning d.account_id
