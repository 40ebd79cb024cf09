-- One row when the link is known: its store, the account it is bound to, and what it is still good for in this
-- browser. A link whose button was pressed is good only there, until it has done its work.
select
    link.id,
    link.store_code,
    store.store_name,
    link.account_id,
    account.display_name as account_name,
    account.status = 'CONNECTED' as account_works,
    link.expires_at,
    case
        when link.finished_at is not null then 'used'
        when link.expires_at <= ops.now() then 'expired'
        when account.status = 'DISABLED' and not starts_with(coalesce(account.status_reason, ''), %(disconnected)s) then 'disabled'
        when link.used_at is null or link.browser_hash = %(browser_hash)s then 'usable'
        else 'used'
    end as state
from ops.connect_link as link
inner join hub.stores as store on store.store_code = link.store_code
left join hub.store_accounts as account on account.id = link.account_id
where link.link_hash = %(link_hash)s
