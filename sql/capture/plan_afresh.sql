-- Plan a fresh capture of what was captured today already. A row of the result is such an account.
-- The snapshot stays what it is until the fresh capture is complete.
update capture.account_day
set
    state = 'planned',
    capture_no = capture_no + 1,
    cursor = null,
    pages = 0,
    items = 0,
    refused = 0
where
    endpoint = %(endpoint)s
    and day = %(day)s
    and state = 'captured'
    and ops.day_of(ops.now(), %(zone)s) = day
returning account_id
