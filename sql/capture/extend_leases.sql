-- Show that a worker is alive: its leases last longer. A row of the result is an account-day it holds.
update capture.account_day
set lease_until = ops.now() + %(lease)s
where owner = %(owner)s
returning account_id
