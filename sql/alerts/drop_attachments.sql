-- No row. What was sent, or will never be, keeps its text alone.
delete from ops.attachment as a
using ops.outbox as m
where
    a.outbox_id = m.id
    and (m.sent_at is not null or m.muted_at is not null or m.given_up_at is not null)
