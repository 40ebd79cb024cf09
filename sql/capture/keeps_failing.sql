-- An account whose captures failed on three days in a row, the last of them `day`, for a reason that neither waiting
-- nor reconnecting cures, becomes ERROR. A row of the result is such an account.
-- That is what TikTok's answers are not as documented, or what our own code or vault cannot do with this account. Not
-- meant: TikTok or the quota (they pass), the grant and its scopes (reconnecting cures them), midnight, a key that
-- the ring lacks (the operator's, and every account's), and days on which nobody tried: these have no error code.
with failing as (
    select
        account_id,
        max(error_message) filter (where day = %(day)s) as message
    from capture.account_day
    where
        endpoint = %(endpoint)s
        and day between %(day)s::date - 2 and %(day)s
        and state in ('failed', 'gap')
        and (reason = 'malformed' or (reason = 'missed' and error_code not in ('too_late', 'VaultKeyMissing')))
    group by account_id
    having count(*) = 3
)

update hub.store_accounts as a
set
    status = 'ERROR',
    status_reason = 'its captures failed on three days in a row: ' || coalesce(failing.message, 'no message'),
    status_changed_at = ops.now(),
    updated_at = ops.now()
from failing
where
    a.id = failing.account_id
    and a.status = 'CONNECTED'
returning a.id
