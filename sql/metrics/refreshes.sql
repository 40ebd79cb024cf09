-- A row per status of the token endpoint when it was asked to refresh a pair.
select
    status,
    requests as value
from ops.tiktok_request
where endpoint = '/v2/oauth/token/ refresh_token'
order by status
