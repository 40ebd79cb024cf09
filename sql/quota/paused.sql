-- One row when the endpoint is paused: for how many seconds more.
select extract(epoch from paused_until - ops.now())::double precision as seconds
from ops.quota_pause
where client_key = %(client_key)s
    and endpoint = %(endpoint)s
    and paused_until > ops.now()
