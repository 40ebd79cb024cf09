-- No row. Gives a message what it has beside its text.
insert into ops.attachment (outbox_id, name, media_type, content)
select
    m.id,
    %(name)s,
    %(media_type)s,
    %(content)s
from ops.outbox as m
where m.key = %(key)s
