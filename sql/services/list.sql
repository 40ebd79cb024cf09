select
    name,
    scopes,
    stores,
    added_at,
    rotated_at,
    revoked_at,
    last_token_at
from ops.service
order by name
