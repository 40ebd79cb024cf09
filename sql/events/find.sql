-- At most one row: the event with this id.
select id
from ops.event
where event_id = %(event_id)s
