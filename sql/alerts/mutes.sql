-- One row per mute that is not over, with the number of messages that it has kept back.
select
    mute.kind,
    mute.account_id,
    mute.begins_at,
    mute.ends_at,
    (
        select count(*)
        from ops.outbox as message
        where
            message.muted_at between mute.begins_at and mute.ends_at
            and (message.kind = mute.kind or message.account_id = mute.account_id)
    ) as messages
from ops.mute
where mute.ends_at > ops.now()
order by mute.id
