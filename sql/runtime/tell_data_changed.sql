-- One row: the version of what is derived, from now on.
select ops.data_changed() as version
