-- One row per transaction whose code was spent two minutes ago and of which nothing was heard since: TikTok holds a
-- grant that was not saved. Each is returned once, to a transaction that commits.
update ops.oauth_transaction set
    outcome = 'orphaned',
    finished_at = ops.now(),
    code_verifier = null
where
    outcome is null
    and consumed_at < ops.now() - interval '2 minutes'
returning
    id,
    store_code,
    account_id,
    consumed_at
