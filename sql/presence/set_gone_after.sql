-- Let the setting VIDEO_GONE_AFTER decide. A row of the result says that it was another number before.
update snapshots.threshold
set value = %(captures)s
where name = 'gone_after' and value <> %(captures)s
returning value
