"""How every route of the API is answered: the caller's limit first, then what is kept, then the handler."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from tiktok_pipeline.portal.api.answers import Answer, shown, wanted
from tiktok_pipeline.portal.api.cache import LIFETIMES, AnswerCache, Kept
from tiktok_pipeline.portal.api.calling import known_caller
from tiktok_pipeline.portal.api.tokens import Caller
from tiktok_pipeline.portal.context import PortalContext

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class KeptRoute(APIRoute):
    """A route for readers whose answers are kept as long as LIFETIMES says for its path.

    The key holds all that an answer depends on: the path, what was asked with, CSV or JSON, the day, and which stores
    the caller may see. So no service is given what was made for one that sees others.
    """

    def get_route_handler(self) -> Handler:
        """The handler that looks at what is kept before it asks."""
        ask = super().get_route_handler()
        lifetime = LIFETIMES[self.path]

        async def make(request: Request) -> Kept:
            answer = await ask(request)
            assert isinstance(answer, Answer)
            return Kept(bytes(answer.body), answer.said, answer.age, time.time(), 0)

        async def answer(request: Request) -> Response:
            caller = known_caller(request)
            if caller is None or "read" not in caller.scopes:
                return await ask(request)  # it is refused there
            cache: AnswerCache = request.app.state.cache
            kept, found = await cache.answer(_key(request, caller), lifetime, lambda: make(request))
            return shown(request, kept, found)

        return answer


def _key(request: Request, caller: Caller) -> str:
    context: PortalContext = request.app.state.context
    asked = sorted(request.query_params.multi_items())
    day = dt.datetime.now(
        context.settings.zone
    ).date()  # what is asked without days is asked for those until today
    stores = None if caller.stores is None else sorted(caller.stores)
    return repr((request.scope["path"], asked, wanted(request), str(day), stores))
