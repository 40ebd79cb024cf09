-- No row. Forgets at most a thousand logins of operators that have ended.
delete from ops.operator_session
where session_hash in (
    select session_hash
    from ops.operator_session
    where ends_at <= ops.now()
    limit 1000
    for update skip locked
)
