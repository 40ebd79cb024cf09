-- One row per account that has a token pair.
select account_id
from vault.token
order by account_id
