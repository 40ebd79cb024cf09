"""How every route of the API is answered: the caller's limit first, then what is kept, then the handler."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from fastapi.routing import APIRoute

from tiktok_pipeline.portal.api.answers import Answer, shown, wanted
from tiktok_pipeline.portal.api.cache import LIFETIMES, AnswerCache, Kept
from tiktok_pipeline.portal.api.calling import known_caller
from tiktok_pipeline.portal.api.jobs import job_answer
from tiktok_pipeline.portal.api.limits import Limits
from tiktok_pipeline.portal.api.refreshing import Refreshing
from tiktok_pipeline.portal.api.tokens import Caller
from tiktok_pipeline.portal.context import PortalContext
from tiktok_pipeline.portal.metrics.requests import CACHE

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ServiceRoute(APIRoute):
    """A route for services: each may ask so often in a minute, and is told what is left."""

    def get_route_handler(self) -> Handler:
        """The handler that counts before it asks."""
        ask = super().get_route_handler()

        async def answer(request: Request) -> Response:
            caller = known_caller(request)
            if caller is None:
                return await ask(request)  # it is refused there
            limits: Limits = request.app.state.limits
            allowance = await limits.take(caller.name)
            request.state.allowance = allowance.headers
            if allowance.used_up:
                raise HTTPException(429)
            response = await self.answered(request, caller, ask)
            response.headers.update(allowance.headers)
            return response

        return answer

    async def answered(self, request: Request, _caller: Caller, ask: Handler) -> Response:
        """What the caller gets."""
        return await ask(request)


class KeptRoute(ServiceRoute):
    """A route for readers whose answers are kept as long as LIFETIMES says for its path.

    The key holds all that an answer depends on: the path, what was asked with, CSV or JSON, the day, and which stores
    the caller may see. So no service is given what was made for one that sees others.
    """

    async def answered(self, request: Request, caller: Caller, ask: Handler) -> Response:
        """What is kept, or what the handler answers now."""
        if "read" not in caller.scopes:
            return await ask(request)  # it is refused there

        async def make() -> Kept:
            answer = await ask(request)
            assert isinstance(answer, Answer)
            return Kept(bytes(answer.body), answer.said, answer.age, time.time(), 0)

        cache: AnswerCache = request.app.state.cache
        kept, found = await cache.answer(_key(request, caller), LIFETIMES[self.path], make)
        CACHE[found].inc()
        if found == "stale":
            return shown(request, kept, found)  # the database is away
        refreshing: Refreshing = request.app.state.refreshing
        job = await refreshing.of(request, caller, kept)
        if job is not None and kept.age is None:  # there is nothing yet to answer with
            context: PortalContext = request.app.state.context
            answer = await run_in_threadpool(job_answer, context, job, 202)
        else:
            answer = shown(request, kept, found)
        if job is not None:
            answer.headers["X-Sync-Triggered"] = "true"
        return answer


def _key(request: Request, caller: Caller) -> str:
    context: PortalContext = request.app.state.context
    asked = sorted(request.query_params.multi_items())
    day = dt.datetime.now(
        context.settings.zone
    ).date()  # what is asked without days is asked for those until today
    stores = None if caller.stores is None else sorted(caller.stores)
    return repr((request.scope["path"], asked, wanted(request), str(day), stores))
