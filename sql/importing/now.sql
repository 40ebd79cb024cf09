-- One row: the time, by the database's clock.
select ops.now() as now
