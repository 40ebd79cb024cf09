-- Land one page and the progress it means, together. A row of the result is the page that landed; none means
-- that the lease was lost, that the day and its grace are over, or that this very page has landed before.
with progress as (
    update capture.account_day as d
    set
        pages = d.pages + 1,
        deaths = 0,
        items = d.items + %(items)s,
        refused = d.refused + %(refused)s,
        cursor = %(next_cursor)s,
        state = case when %(last)s then 'captured' else d.state end,
        chosen_capture_no = case when %(last)s then d.capture_no else d.chosen_capture_no end,
        captured_at = case when %(last)s then ops.now() else d.captured_at end,
        finished_at = case when %(last)s then ops.now() else d.finished_at end,
        late = case when %(last)s then ops.day_of(ops.now(), d.time_zone) > d.day else d.late end,
        owner = case when %(last)s then null else d.owner end,
        lease_until = case when %(last)s then null else ops.now() + %(lease)s end,
        reason = null,
        error_code = null,
        error_message = null,
        http_status = null,
        log_id = null
    where
        d.account_id = %(account_id)s
        and d.endpoint = %(endpoint)s
        and d.day = %(day)s
        and d.owner = %(owner)s
        and d.pages = %(page_no)s
        and capture.is_open(d, %(grace)s)
    returning d.account_id, d.endpoint, d.day, d.time_zone, d.capture_no, d.run_id
)

insert into capture.page (
    endpoint, day, account_id, capture_no, page_no, body, observed_at, time_zone, log_id, run_id
)
select
    endpoint,
    day,
    account_id,
    capture_no,
    %(page_no)s,
    %(body)s,
    ops.now() - %(age)s,
    time_zone,
    %(log_id)s,
    run_id
from progress
returning capture_no
