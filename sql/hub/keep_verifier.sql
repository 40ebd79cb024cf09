-- No row. Keeps the sealed verifier of a transaction that was begun just now; the seal is bound to its id.
update ops.oauth_transaction set code_verifier = %(code_verifier)s
where id = %(id)s
