-- No row. Until the transaction ends nobody else asks: two who want the same get one job.
select pg_advisory_xact_lock(7011010)
