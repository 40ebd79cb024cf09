-- One row per message, oldest first: the newest so many of those that wait to be sent, or of all.
with newest as (
    select
        id,
        key,
        kind,
        severity,
        recipient,
        store_code,
        account_id,
        subject,
        body,
        details,
        created_at,
        sent_at,
        attempts
    from ops.outbox
    where %(all)s or sent_at is null
    order by id desc
    limit %(most)s
)

select *
from newest
order by id
