-- Tell the hub which accounts were captured on a day, with their profiles if those are what was captured.
-- A row of the result is an account whose hub row changed.
update hub.store_accounts as a
set
    last_sync_at = d.captured_at,
    updated_at = ops.now(),
    display_name = coalesce(p.body #>> '{data,user,display_name}', a.display_name),
    avatar_url = coalesce(p.body #>> '{data,user,avatar_url}', a.avatar_url)
from capture.account_day as d
left join capture.user_info as p
    on
        p.account_id = d.account_id
        and p.endpoint = d.endpoint
        and p.day = d.day
        and p.capture_no = d.chosen_capture_no
where
    d.account_id = a.id
    and d.endpoint = %(endpoint)s
    and d.day = %(day)s
    and (a.last_sync_at is null or a.last_sync_at < d.captured_at)
returning a.id
