-- One row when the state is known, not expired, not consumed, and came back to the browser, the person and the app that
-- began it: the transaction, which is consumed now. One statement, so that of many callbacks at once exactly one
-- gets the row. With an outcome the transaction is over as well.
update ops.oauth_transaction set
    consumed_at = ops.now(),
    outcome = %(outcome)s,
    finished_at = case when %(outcome)s::text is not null then ops.now() end
where
    state_hash = %(state_hash)s
    and binding_hash = %(binding_hash)s
    and actor = any(%(actors)s)
    and client_key = %(client_key)s
    and consumed_at is null
    and expires_at > ops.now()
returning
    id,
    store_code,
    account_id,
    link_id,
    redirect_uri,
    scopes,
    code_verifier
