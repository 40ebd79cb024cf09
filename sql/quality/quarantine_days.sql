-- The days from first to last on which a rule ever held something in quarantine. A row is a day.
select distinct day
from snapshots.quarantine
where
    endpoint = %(endpoint)s
    and check_name = %(check)s
    and day between %(first)s and %(last)s
order by day
