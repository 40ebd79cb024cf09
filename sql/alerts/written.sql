-- One row per message that was written, of these keys.
select key
from ops.outbox
where key = any(%(keys)s)
