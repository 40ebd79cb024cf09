-- Note that nothing is captured today of a disabled account. A row of the result is such an account.
-- It is planned after all when the account is enabled in the course of the day.
insert into capture.account_day (account_id, endpoint, day, time_zone, run_id, state, reason, finished_at)
select
    id,
    %(endpoint)s,
    %(day)s,
    %(zone)s,
    %(run_id)s,
    'gap',
    'cancelled',
    ops.now()
from hub.store_accounts
where
    status = 'DISABLED'
    and ops.day_of(ops.now(), %(zone)s) = %(day)s
    and (%(accounts)s::bigint[] is null or id = any(%(accounts)s::bigint[]))
on conflict do nothing
returning account_id
