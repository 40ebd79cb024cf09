-- One row when TikTok's refusal of the pair is confirmed: still this attempt's, and still the pair that was sent.
-- The row says since when the outcome of an earlier refresh is unknown, if there was one.
update vault.token
set
    refresh_state = 'idle',
    attempt_id = null,
    lease_until = null,
    fail_class = 'refused',
    fail_code = %(fail_code)s,
    fail_count = fail_count + 1,
    refused_at = ops.now()
where
    account_id = %(account_id)s
    and attempt_id = %(attempt_id)s
    and token_version = %(base_version)s
returning unknown_since
