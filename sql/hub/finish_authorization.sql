-- No row. Notes what became of a consumed transaction, and that its link is spent when all went well; with fewer scopes
-- it is good for adding them to the same account. An answer that came after somebody had given the transaction up as
-- orphaned counts all the same.
with finished as (
    update ops.oauth_transaction set
        outcome = %(outcome)s,
        finished_at = ops.now(),
        met_account_id = %(met_account_id)s,
        code_verifier = null
    where
        id = %(id)s
        and consumed_at is not null
        and (outcome is null or outcome = 'orphaned')
    returning link_id, outcome, met_account_id
)

update ops.connect_link as link set
    finished_at = case when finished.outcome = 'connected' then ops.now() end,
    account_id = finished.met_account_id
from finished
where
    link.id = finished.link_id
    and finished.outcome in ('connected', 'reduced')
