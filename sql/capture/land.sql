-- Land one page and the progress it means, together. A row of the result is the account-day's progress;
-- none means that the lease was lost, or that this very page has landed before.
with progress as (
    update capture.account_day
    set
        pages = pages + 1,
        items = items + %(items)s,
        refused = refused + %(refused)s,
        cursor = %(next_cursor)s,
        state = case when %(last)s then 'captured' else state end,
        chosen_capture_no = case when %(last)s then capture_no else chosen_capture_no end,
        captured_at = case when %(last)s then ops.now() else captured_at end,
        finished_at = case when %(last)s then ops.now() else finished_at end,
        late = case when %(last)s then ops.day_of(ops.now(), time_zone) > day else late end,
        owner = case when %(last)s then null else owner end,
        lease_until = case when %(last)s then null else ops.now() + %(lease)s end,
        reason = null,
        error_code = null,
        error_message = null,
        http_status = null,
        log_id = null
    where
        account_id = %(account_id)s
        and endpoint = %(endpoint)s
        and day = %(day)s
        and owner = %(owner)s
        and pages = %(page_no)s
    returning account_id, endpoint, day, time_zone, capture_no, run_id
)

insert into capture.page (endpoint, day, account_id, capture_no, page_no, body, time_zone, log_id, run_id)
select
    endpoint,
    day,
    account_id,
    capture_no,
    %(page_no)s,
    %(body)s,
    time_zone,
    %(log_id)s,
    run_id
from progress
returning capture_no
