-- An account in ERROR of which everything was captured on `day` is CONNECTED again. A row of the result is such one.
-- Everything: both endpoints, but for what the account did not grant.
with complete as (
    select account_id
    from capture.account_day
    where day = %(day)s
    group by account_id
    having
        count(*) = 2
        and bool_or(state = 'captured')
        and bool_and(state = 'captured' or reason = 'scope_missing')
)

update hub.store_accounts as a
set
    status = 'CONNECTED',
    status_reason = null,
    status_changed_at = ops.now(),
    updated_at = ops.now()
from complete
where
    a.id = complete.account_id
    and a.status = 'ERROR'
returning a.id
