-- One row: the account's id, whether it is new at this store or connected anew.
-- What the vault knows (scope and times) it writes itself, in the same transaction.
insert into hub.store_accounts as account (
    store_code,
    client_key,
    open_id,
    token_expires_at,
    refresh_token_expires_at,
    scope,
    known_since
)
values (%(store_code)s, %(client_key)s, %(open_id)s, ops.now(), ops.now(), '', ops.now())
on conflict (store_code, open_id) do update set
    client_key = excluded.client_key,
    status = 'CONNECTED',
    status_reason = null,
    status_changed_at = case
        when account.status = 'CONNECTED' then account.status_changed_at
        else ops.now()
    end,
    updated_at = ops.now()
returning id
