-- No row. What this target must still know the next time.
insert into ops.event_target as t (target, position)
values (%(target)s, %(position)s)
on conflict (target) do update
set
    position = excluded.position,
    reached_at = excluded.reached_at
where t.position <> excluded.position
