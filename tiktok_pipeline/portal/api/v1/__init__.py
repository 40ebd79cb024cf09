"""Version 1 of the API: what there is under /api/v1."""

from tiktok_pipeline.portal.api.v1 import accounts, gaps, health, stores, token, videos

ROUTERS = (
    token.router,
    stores.router,
    accounts.router,
    videos.router,
    gaps.router,
    health.router,
    health.detailed,
)
