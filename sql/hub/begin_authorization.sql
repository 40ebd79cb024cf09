-- One row: the new transaction's id.
insert into ops.oauth_transaction (
    state_hash,
    binding_hash,
    store_code,
    account_id,
    actor,
    link_id,
    client_key,
    redirect_uri,
    scopes,
    expires_at
)
values (
    %(state_hash)s,
    %(binding_hash)s,
    %(store_code)s,
    %(account_id)s,
    %(actor)s,
    %(link_id)s,
    %(client_key)s,
    %(redirect_uri)s,
    %(scopes)s,
    ops.now() + make_interval(secs => %(seconds)s)
)
returning id
