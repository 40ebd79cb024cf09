-- One row when the attempt is allowed, and it is counted then; no row when the period holds enough already.
-- One statement on one row, so that of many at once no more than allowed pass, over all processes.
insert into ops.attempt as known (bucket, attempted_at, forget_at)
values (
    %(bucket)s,
    array[ops.now()],
    ops.now() + make_interval(secs => %(seconds)s)
)
on conflict (bucket) do update set
    attempted_at = array(
        select at
        from unnest(known.attempted_at) as at
        where at > ops.now() - make_interval(secs => %(seconds)s)
        order by at
    ) || excluded.attempted_at,
    forget_at = excluded.forget_at
where (
    select count(*)
    from unnest(known.attempted_at) as at
    where at > ops.now() - make_interval(secs => %(seconds)s)
) < %(most)s
returning bucket
