-- What a message has beside its text. A row is a part of it.
select
    name,
    media_type,
    content
from ops.attachment
where outbox_id = %(id)s
order by name
