-- No row. Ends the transactions of a link that have not come back from TikTok yet: of one link one is open at a time.
update ops.oauth_transaction set
    consumed_at = ops.now(),
    outcome = 'restarted',
    finished_at = ops.now(),
    code_verifier = null
where
    link_id = %(link_id)s
    and consumed_at is null
