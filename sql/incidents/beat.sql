-- No row. Notes a good tick of this daemon, and forgets daemons that ended a month ago.
with forgotten as (
    delete from ops.heartbeat
    where last_at < ops.now() - interval '30 days' and daemon <> %(daemon)s
)

insert into ops.heartbeat (daemon)
values (%(daemon)s)
on conflict (daemon) do update
set last_at = ops.now()
