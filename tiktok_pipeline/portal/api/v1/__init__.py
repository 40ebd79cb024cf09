"""Version 1 of the API: what there is under /api/v1."""

from tiktok_pipeline.portal.api.v1 import accounts, admin, gaps, health, stores, sync, token, videos

ROUTERS = (
    *(token.router, health.router, health.detailed),
    *(stores.router, accounts.router, videos.router, gaps.router),
    *(sync.router, admin.router),
)
