-- No row that matters. Until the transaction ends, no other store can connect this TikTok account.
select pg_advisory_xact_lock(hashtextextended(%(open_id)s, 0))
