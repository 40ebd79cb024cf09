-- One row when the account became NEED_RECONNECT now; none when it waits already or is DISABLED.
update hub.store_accounts set
    status = 'NEED_RECONNECT',
    status_reason = %(reason)s,
    status_changed_at = ops.now(),
    updated_at = ops.now()
where
    id = %(account_id)s
    and status in ('CONNECTED', 'ERROR')
returning id
