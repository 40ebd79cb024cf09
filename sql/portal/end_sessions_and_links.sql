-- One row: how many links that could still be used were ended. Every login is over, too.
with logins as (
    delete from ops.operator_session
),

links as (
    update ops.connect_link
    set expires_at = ops.now()
    where
        expires_at > ops.now()
        and finished_at is null
    returning id
)

select count(*) as links
from links
