-- One row per mute that was ended.
update ops.mute
set ends_at = ops.now()
where
    ends_at > ops.now()
    and kind is not distinct from %(kind)s
    and account_id is not distinct from %(account_id)s
returning id
