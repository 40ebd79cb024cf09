-- No row. Ends the transactions that could connect accounts that are being taken out of service, also those whose code
-- is on its way to TikTok: what comes back is not saved.
update ops.oauth_transaction as begun set
    consumed_at = coalesce(begun.consumed_at, ops.now()),
    outcome = 'disabled',
    finished_at = ops.now(),
    code_verifier = null
from hub.store_accounts as account
where
    account.id = any(%(account_ids)s)
    and begun.store_code = account.store_code
    and (begun.account_id is null or begun.account_id = account.id)
    and begun.outcome is null
