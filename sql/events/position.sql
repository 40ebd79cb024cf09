-- At most one row: what this target must still know.
select position
from ops.event_target
where target = %(target)s
