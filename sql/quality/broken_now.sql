-- What is broken right now, the oldest first. A row is one thing.
select
    kind,
    what,
    since,
    count,
    example,
    what_to_do
from reporting.broken_now
order by since nulls last, kind, what
