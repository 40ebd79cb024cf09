-- Plan today's account-days. A row of the result is an account planned now for the first time.
-- A day that is not today cannot be planned: nothing could be fetched for it. An account that a person must
-- reconnect fails at once, without a request.
insert into capture.account_day (
    account_id, endpoint, day, time_zone, run_id, state, reason, error_code, error_message, finished_at
)
select
    id,
    %(endpoint)s,
    %(day)s,
    %(zone)s,
    %(run_id)s,
    case when status = 'NEED_RECONNECT' then 'failed' else 'planned' end,
    case when status = 'NEED_RECONNECT' then 'needs_reconnect' end,
    case when status = 'NEED_RECONNECT' then 'need_reconnect' end,
    case when status = 'NEED_RECONNECT' then coalesce(status_reason, 'the account must be reconnected') end,
    case when status = 'NEED_RECONNECT' then ops.now() end
from hub.store_accounts
where
    status <> 'DISABLED'
    and ops.day_of(ops.now(), %(zone)s) = %(day)s
    and (%(accounts)s::bigint[] is null or id = any(%(accounts)s::bigint[]))
on conflict do nothing
returning account_id
