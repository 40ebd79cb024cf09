-- The chain of closed days. A row is an entry, in order.
select
    position,
    day,
    revision,
    reason,
    account_days,
    captured,
    imported,
    gaps,
    items,
    pages,
    imported_rows,
    captured_hash,
    gaps_hash,
    pages_hash,
    imported_hash,
    deleted,
    deleted_hash,
    queries,
    queries_hash,
    accounts_hash,
    head
from capture.manifest
order by position
