-- One row: today's date in the reporting time zone.
select ops.day_of(ops.now(), %(zone)s) as day
