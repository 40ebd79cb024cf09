-- A row of the result is an account that was disabled now: nothing is captured of it any more, its history stays.
update hub.store_accounts
set
    status = 'DISABLED',
    status_reason = %(reason)s,
    status_changed_at = ops.now(),
    updated_at = ops.now()
where
    id = any(%(account_ids)s)
    and status <> 'DISABLED'
returning id
