-- Once everything is staged: batches are found by their days. No row.
create index staged_by_day on staged (day, endpoint, account_id, item_id, line);
analyze staged
