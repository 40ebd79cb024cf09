-- One row: the link with which this browser may begin again, from now on in no other browser; no row when it may not.
-- By a transaction of the link that this browser began, or by the state of one that is still open: TikTok's app brings
-- the person back in a browser of its own, and who knows the state was sent there by TikTok. That transaction is over
-- then, so a state is good for one such change at most. The link is taken first, as by everybody who takes both.
with asked as (
    select
        begun.id,
        begun.link_id,
        begun.state_hash = %(state_hash)s and begun.consumed_at is null and begun.expires_at > ops.now() as moves
    from ops.oauth_transaction as begun
    inner join ops.connect_link as held on held.id = begun.link_id
    where begun.state_hash = %(state_hash)s or begun.binding_hash = %(binding_hash)s
    order by begun.state_hash = %(state_hash)s desc
    limit 1
    for update of held
),

moved as (
    update ops.oauth_transaction as begun set
        consumed_at = ops.now(),
        outcome = 'restarted',
        finished_at = ops.now(),
        code_verifier = null
    from asked
    where
        begun.id = asked.id
        and asked.moves
        and begun.consumed_at is null
    returning begun.id
)

update ops.connect_link as link set browser_hash = %(browser_hash)s
from asked
left join moved on moved.id = asked.id
cross join hub.stores as store
where
    link.id = asked.link_id
    and store.store_code = link.store_code
    and link.finished_at is null
    and link.expires_at > ops.now()
    and not exists (
        select 1
        from hub.store_accounts as account
        where
            account.id = link.account_id
            and account.status = 'DISABLED'
            and not starts_with(coalesce(account.status_reason, ''), %(disconnected)s)
    )
    and (moved.id is not null or link.browser_hash = %(browser_hash)s)
returning
    link.id as link_id,
    link.store_code,
    link.account_id,
    store.store_name,
    moved.id is not null as moved
