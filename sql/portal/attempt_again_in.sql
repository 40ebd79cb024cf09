-- One row: the seconds until the next attempt is allowed.
select
    greatest(
        1,
        ceil(extract(epoch from min(at) + make_interval(secs => %(seconds)s) - ops.now()))
    )::integer as seconds
from (
    select unnest(attempted_at) as at
    from ops.attempt
    where bucket = %(bucket)s
    order by at desc
    limit %(most)s
) as counted
