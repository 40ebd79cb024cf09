-- Give one account-day back unfinished, so that others have their turn. A row of the result if it was still ours.
-- That was no attempt that ended: taking it up again counts the same one.
update capture.account_day
set
    attempts = attempts - 1,
    owner = null,
    lease_until = null
where
    account_id = %(account_id)s
    and endpoint = %(endpoint)s
    and day = %(day)s
    and owner = %(owner)s
returning account_id
