-- Add an entry to the chain of closed days. No row.
insert into capture.manifest (
    position, day, revision, reason, account_days, captured, imported, gaps, items, pages, imported_rows,
    captured_hash, gaps_hash, pages_hash, imported_hash, deleted, deleted_hash, queries, queries_hash, accounts_hash, head, written_at, run_id
)
values (
    %(position)s, %(day)s, %(revision)s, %(reason)s, %(account_days)s, %(captured)s, %(imported)s, %(gaps)s,
    %(items)s, %(pages)s, %(imported_rows)s, %(captured_hash)s, %(gaps_hash)s, %(pages_hash)s, %(imported_hash)s,
    %(deleted)s, %(deleted_hash)s, %(queries)s, %(queries_hash)s, %(accounts_hash)s, %(head)s, %(written_at)s, %(run_id)s
)
