"""Version 1 of the API: what there is under /api/v1."""

from tiktok_pipeline.portal.api.v1 import accounts, admin, gaps, health, stores, sync, token, videos

# Those asked most often first, as they are tried one after the other.
ROUTERS = (
    *(stores.router, accounts.router, videos.router, gaps.router),
    *(token.router, health.router, health.detailed),
    *(sync.router, admin.router),
)
