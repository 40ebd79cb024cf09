-- Give back what a worker holds, so that the next one need not wait for the lease to end.
update capture.account_day
set
    owner = null,
    lease_until = null
where owner = %(owner)s
returning account_id
