-- Why account-days are failed now. A row is a cause, the one with the most account-days first.
select
    reason,
    error_code,
    endpoint,
    account_days,
    accounts,
    final,
    oldest_age,
    newest_at,
    newest_day,
    example_store_code,
    example_account_id,
    example_message,
    example_log_id
from reporting.failed_captures
order by
    account_days desc,
    reason,
    error_code,
    endpoint
