-- One row when the failure was noted; none when the refresh is no longer this attempt's, or the pair another one.
-- With each failure the wait before the next try may be twice as long, and is anything up to that, so that many
-- accounts do not come back at the same moment. What TikTok asks to wait is waited in any case.
update vault.token
set
    refresh_state = case when %(unknown)s or unknown_since is not null then 'uncertain' else 'idle' end,
    unknown_since = case when %(unknown)s then coalesce(unknown_since, attempt_at) else unknown_since end,
    attempt_id = null,
    lease_until = null,
    fail_class = %(fail_class)s,
    fail_code = %(fail_code)s,
    fail_count = fail_count + 1,
    next_attempt_at = ops.now() + make_interval(
        secs => greatest(
            %(retry_after)s::float8,
            random() * least(%(longest_wait)s::float8, %(first_wait)s::float8 * power(2, least(fail_count, 30)))
        )
    )
where
    account_id = %(account_id)s
    and attempt_id = %(attempt_id)s
    and token_version = %(base_version)s
returning
    account_id,
    refresh_state,
    next_attempt_at
