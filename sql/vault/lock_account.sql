-- One row: the account. Until the transaction ends, nobody else replaces its tokens.
-- The account's row is the lock, not its token's, because connecting an account writes the account first: with one
-- order for all, no two transactions can wait for each other. References to the account are not held up.
select open_id
from hub.store_accounts
where id = %(account_id)s
for no key update
