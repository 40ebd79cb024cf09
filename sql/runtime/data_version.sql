-- One row: the version of what is derived.
select version
from ops.data_version
