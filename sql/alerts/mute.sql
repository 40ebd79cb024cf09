-- One row: until when it is muted. What is muted already is muted anew.
with ended as (
    update ops.mute
    set ends_at = ops.now()
    where
        ends_at > ops.now()
        and kind is not distinct from %(kind)s
        and account_id is not distinct from %(account_id)s
)

insert into ops.mute (kind, account_id, ends_at)
values (%(kind)s, %(account_id)s, ops.now() + %(how_long)s)
returning ends_at
