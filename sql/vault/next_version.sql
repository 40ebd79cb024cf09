-- One row: the version that the account's next token pair gets; greater than any it ever had.
select greatest(
    (select token_version from vault.token where account_id = %(account_id)s),
    (select token_version from vault.forgotten where account_id = %(account_id)s),
    0
) + 1 as token_version
