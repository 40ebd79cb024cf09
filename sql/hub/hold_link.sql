-- One row: whether the link has done its work, and the only account it may connect. It is held until the transaction
-- ends, so that of many visits to TikTok with it one connects an account.
select
    finished_at is not null as is_spent,
    account_id
from ops.connect_link
where id = %(link_id)s
for update
