"""The API for internal systems: what was captured, how old and how complete it is."""

from __future__ import annotations

import threading
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from tiktok_pipeline.portal.api import docs, problems, v1
from tiktok_pipeline.portal.api.cache import AnswerCache
from tiktok_pipeline.portal.api.limits import Limits
from tiktok_pipeline.portal.api.redis import Redis
from tiktok_pipeline.portal.api.refreshing import Refreshing
from tiktok_pipeline.portal.api.streams import Streams
from tiktok_pipeline.portal.api.tokens import Tokens
from tiktok_pipeline.portal.context import PortalContext

# Tokens are sent by scripts, never by the browser itself: no credentials.
CORS: dict[str, Any] = {
    "allow_methods": ["GET", "POST"],
    "allow_headers": ["Authorization", "If-None-Match", "Idempotency-Key", "X-Request-ID"],
    "expose_headers": [
        *("Age", "ETag", "Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After"),
        *("X-Cache", "X-Request-ID", "X-Stale", "X-Sync-Triggered"),
    ],
}


def create_api(context: PortalContext, closing: threading.Event) -> FastAPI:
    """The API as an application of its own: its errors are problems, not pages, and it describes itself.

    Its streams end when `closing` is set.
    """
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
    api.state.redis = shared
    api.state.cache = AnswerCache(lambda: context.data.now, shared)
    api.state.limits = Limits(context.settings.api_requests_per_minute, shared)
    api.state.refreshing = Refreshing(context)
    api.state.streams = Streams(closing)
    if context.settings.origins:
        api.add_middleware(CORSMiddleware, allow_origins=context.settings.origins, **CORS)
    for router in (*v1.ROUTERS, docs.router):
        api.include_router(router)
    problems.install(api)
    return api
