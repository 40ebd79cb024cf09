-- Plan again what failed today. A row of the result is an account to be tried once more.
-- It goes on at the page it had reached, unless the pages themselves were the trouble.
update capture.account_day
set
    state = 'planned',
    reason = null,
    capture_no = case when reason = 'malformed' then capture_no + 1 else capture_no end,
    cursor = case when reason = 'malformed' then null else cursor end,
    pages = case when reason = 'malformed' then 0 else pages end,
    items = case when reason = 'malformed' then 0 else items end,
    refused = case when reason = 'malformed' then 0 else refused end
where
    endpoint = %(endpoint)s
    and day = %(day)s
    and state = 'failed'
    and ops.day_of(ops.now(), %(zone)s) = day
    and account_id in (select id from hub.store_accounts where status <> 'DISABLED')
returning account_id
