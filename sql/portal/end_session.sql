-- No row. The session is over.
delete from ops.operator_session
where session_hash = %(session_hash)s
