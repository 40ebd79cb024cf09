-- One row: when a daemon was last at work and how many minutes ago; NULLs when none ever was.
select
    max(last_at) as last_at,
    extract(epoch from ops.now() - max(last_at))::double precision / 60 as minutes
from ops.heartbeat
