-- Note a step of a month on its way into the archive. No row.
insert into ops.archive_log (month, event, url, rows, digest, os_user, host)
values (%(month)s, %(event)s, %(url)s, %(rows)s, %(digest)s, %(os_user)s, %(host)s)
