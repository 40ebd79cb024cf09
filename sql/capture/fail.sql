-- Say why an account-day failed. A row of the result if it was still ours.
-- When the day has a complete capture already, a fresh one that fails leaves it as it was: only the error is
-- noted beside it. What was cancelled has not failed: it is a gap, unless its account is enabled again today.
update capture.account_day as d
set
    state = case
        when chosen_capture_no is not null then 'captured'
        when %(reason)s = 'cancelled' then 'gap'
        else 'failed'
    end,
    reason = case when chosen_capture_no is null then %(reason)s end,
    final = %(final)s,
    (pages, items) = (select l.pages, l.items from capture.landed(d) as l),
    deaths = 0,
    error_code = %(error_code)s,
    error_message = %(error_message)s,
    http_status = %(http_status)s,
    log_id = %(log_id)s,
    finished_at = ops.now(),
    owner = null,
    lease_until = null
where
    account_id = %(account_id)s
    and endpoint = %(endpoint)s
    and day = %(day)s
    and owner = %(owner)s
returning account_id
