-- A row of the result is an account that is disconnected: disabled, its grant over. Enabled again, it must be
-- reconnected.
update hub.store_accounts
set
    status = 'DISABLED',
    status_reason = %(reason)s,
    status_changed_at = case when status = 'DISABLED' then status_changed_at else ops.now() end,
    token_expires_at = least(token_expires_at, ops.now()),
    refresh_token_expires_at = least(refresh_token_expires_at, ops.now()),
    updated_at = ops.now()
where id = %(account_id)s
returning id
