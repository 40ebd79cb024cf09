-- One row per transaction whose code was spent two minutes ago and of which nothing was heard since: TikTok holds a
-- grant that was not saved. Each is returned once, to a transaction that commits. The store is held as well, since
-- its deletion takes the store first and its transactions then; one that is being deleted is skipped.
with lost as (
    select begun.id
    from ops.oauth_transaction as begun
    inner join hub.stores as store on store.store_code = begun.store_code
    where
        begun.outcome is null
        and begun.consumed_at < ops.now() - interval '2 minutes'
    for update of begun skip locked
    for key share of store skip locked
)

update ops.oauth_transaction as begun set
    outcome = 'orphaned',
    finished_at = ops.now(),
    code_verifier = null
from lost
where begun.id = lost.id
returning
    begun.id,
    begun.store_code,
    begun.account_id,
    begun.consumed_at
