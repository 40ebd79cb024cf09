-- No row. A new session; those that have ended are forgotten.
with ended as (
    delete from ops.operator_session
    where ends_at <= ops.now()
)
insert into ops.operator_session (session_hash, ends_at)
values (%(session_hash)s, ops.now() + make_interval(secs => %(seconds)s))
