-- No row that matters. Until the transaction ends, no other refresh begins, so that those under way can be counted.
select pg_advisory_xact_lock(hashtextextended('vault.refresh', 0))
