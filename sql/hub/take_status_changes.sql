-- Take status changes that nobody has handled yet, oldest first: they are handled when the transaction commits.
-- A row of the result is one, with what a message about it says. It is current when nothing has changed since: what
-- is over needs no message. Store and account are held as well, before anything is written that refers to them: whoever
-- deletes one takes them first and the changes then, and each would wait for the other. What is being deleted is skipped.
with taken as (
    select noted.id
    from hub.status_change as noted
    inner join hub.store_accounts as account on account.id = noted.account_id
    inner join hub.stores as store on store.store_code = account.store_code
    where noted.handled_at is null
    order by noted.id
    limit %(limit)s
    for update of noted skip locked
    for key share of store, account skip locked
),

handled as (
    update hub.status_change as c
    set handled_at = ops.now()
    from taken
    where c.id = taken.id
    returning c.id, c.account_id, c.from_status, c.to_status, c.reason, c.changed_at
)

select
    handled.id as change_id,
    handled.from_status,
    handled.to_status,
    handled.reason,
    handled.changed_at,
    a.id as account_id,
    coalesce(a.display_name, a.open_id) as account_name,
    s.store_code,
    s.store_name,
    s.pic_name,
    s.pic_contact,
    not exists (
        select 1
        from hub.status_change as later
        where later.account_id = handled.account_id and later.id > handled.id
    ) as is_current
from handled
inner join hub.store_accounts as a on a.id = handled.account_id
inner join hub.stores as s on s.store_code = a.store_code
order by handled.id
