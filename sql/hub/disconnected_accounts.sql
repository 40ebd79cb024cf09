-- One row per account that was disconnected, not only disabled.
select id
from hub.store_accounts
where
    status = 'DISABLED'
    and starts_with(status_reason, %(reason)s)
order by id
