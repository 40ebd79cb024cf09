-- One row when the session is open.
select started_at
from ops.operator_session
where
    session_hash = %(session_hash)s
    and ends_at > ops.now()
