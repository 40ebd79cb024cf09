-- One row: the number by which archives know this database.
select id::text as id
from ops.archive_owner
