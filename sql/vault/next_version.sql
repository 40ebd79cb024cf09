-- One row: the version that the account's next token pair gets.
select coalesce(max(token_version), 0) + 1 as token_version
from vault.token
where account_id = %(account_id)s
