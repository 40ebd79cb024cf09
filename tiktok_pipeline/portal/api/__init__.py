"""The API for internal systems: what was captured, how old and how complete it is."""

from __future__ import annotations

from fastapi import FastAPI

from tiktok_pipeline.portal.api import problems, v1
from tiktok_pipeline.portal.api.cache import AnswerCache
from tiktok_pipeline.portal.api.redis import Redis
from tiktok_pipeline.portal.api.tokens import Tokens
from tiktok_pipeline.portal.context import PortalContext


def create_api(context: PortalContext) -> FastAPI:
    """The API as an application of its own: its errors are problems, not pages, and it describes itself."""
    api = FastAPI(
        title="tiktok_pipeline",
        version="1",
        description="What was captured of the stores' TikTok accounts, how old and how complete it is.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=problems.PROBLEMS,
    )
    api.state.context = context
    api.state.tokens = Tokens(context.secret, context.settings.portal_url)
    redis = context.settings.redis_url
    shared = Redis(redis.get_secret_value()) if redis else None
    api.state.cache = AnswerCache(lambda: context.data.now, shared)
    for router in v1.ROUTERS:
        api.include_router(router)
    problems.install(api)
    return api
