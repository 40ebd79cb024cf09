-- One row when the link could be used in this browser, and from now on it can in no other; no row when not.
update ops.connect_link as link set
    used_at = coalesce(link.used_at, ops.now()),
    browser_hash = %(browser_hash)s
from hub.stores as store
where
    link.link_hash = %(link_hash)s
    and link.finished_at is null
    and link.expires_at > ops.now()
    and (link.used_at is null or link.browser_hash = %(browser_hash)s)
    and not exists (
        select 1
        from hub.store_accounts as account
        where
            account.id = link.account_id
            and account.status = 'DISABLED'
            and not starts_with(coalesce(account.status_reason, ''), %(disconnected)s)
    )
    and store.store_code = link.store_code
returning
    link.id,
    link.store_code,
    store.store_name,
    link.account_id,
    (select display_name from hub.store_accounts where id = link.account_id) as account_name,
    link.expires_at,
    'usable' as state
