-- No row. The target was reached, and what it must still know the next time, if that is something new.
insert into ops.event_target as t (target, position)
values (%(target)s, %(position)s)
on conflict (target) do update
set
    position = coalesce(excluded.position, t.position),
    reached_at = excluded.reached_at
