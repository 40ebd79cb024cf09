-- No row of use. One process at a time compares what is wrong with what is told.
select pg_advisory_xact_lock(hashtext('ops.incident'))
