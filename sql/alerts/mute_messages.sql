-- No row. Marks the messages that wait and are muted: they are kept, and nobody is sent them.
update ops.outbox as message
set muted_at = ops.now()
from ops.mute
where
    message.sent_at is null
    and message.muted_at is null
    and message.given_up_at is null
    and mute.begins_at <= ops.now()
    and mute.ends_at > ops.now()
    and (mute.kind = message.kind or mute.account_id = message.account_id)
