-- One row: whether this session alone delivers to this target from now on, until it ends.
select pg_try_advisory_lock(7011050, hashtext(%(target)s)) as mine
