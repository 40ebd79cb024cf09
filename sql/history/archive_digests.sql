-- What this database has ever written of a month, wherever to. A row is the digest of a manifest.json.
select distinct digest
from ops.archive_log
where month = %(month)s
