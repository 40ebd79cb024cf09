-- Which day it is. One row: the business day now, by the database's clock.
select ops.day_of(ops.now(), %(zone)s) as day
