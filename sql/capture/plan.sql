-- Plan today's account-days. A row of the result is an account planned now for the first time.
-- A day that is not today cannot be planned: nothing could be fetched for it.
insert into capture.account_day (account_id, endpoint, day, time_zone, run_id)
select
    id,
    %(endpoint)s,
    %(day)s,
    %(zone)s,
    %(run_id)s
from hub.store_accounts
where
    status <> 'DISABLED'
    and ops.day_of(ops.now(), %(zone)s) = %(day)s
on conflict do nothing
returning account_id
