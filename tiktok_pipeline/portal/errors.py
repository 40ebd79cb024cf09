"""Errors as pages: what happened, what to do, a request id to quote; never a traceback or a reflected text."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Protocol

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import Match, Route

from tiktok_pipeline.portal.attempts import TooManyAttempts
from tiktok_pipeline.portal.pages import page
from tiktok_pipeline.warehouse.connection import AWAY

logger = logging.getLogger(__name__)

WORDS: Mapping[int, tuple[str, str]] = {
    400: ("This request is not complete", "Go back and try again from the link you were given."),
    403: ("This was not allowed", "Open the page again and repeat what you did."),
    404: ("There is no such page", "Check the address, or open the link you were given again."),
    405: ("This page cannot be used like that", "Open the link you were given again."),
    408: ("The connection was too slow", "Try again, perhaps with a better connection."),
    413: ("That was too much", "What was sent is larger than anything this page needs."),
    429: ("Too many attempts", "Wait a minute, then try again."),
    500: ("Something went wrong here", "It is not your fault. Try again in a few minutes."),
    503: ("We are not ready just now", "Try again in a few minutes."),
}


class Answer(Protocol):
    """Makes the answer for a status. `error` is what was raised: its text may show what was sent."""

    def __call__(
        self,
        request: Request,
        status: int,
        headers: Mapping[str, str] | None = None,
        error: Exception | None = None,
    ) -> Response:
        """The answer."""
        ...


def error_page(
    request: Request,
    status: int,
    headers: Mapping[str, str] | None = None,
    error: Exception | None = None,
) -> Response:
    """The page for an HTTP status; statuses without words of their own get those of 400 or 500."""
    title, advice = WORDS.get(status) or WORDS[400 if status < 500 else 500]
    return page(request, "error.html", status, headers, title=title, advice=advice)


def _methods(request: Request) -> list[str]:
    """What this address takes; Starlette names the methods of the first of its routes alone."""
    there = (route for route in request.app.routes if isinstance(route, Route))
    fitting = (route for route in there if route.matches(request.scope)[0] is not Match.NONE)
    return sorted({method for route in fitting for method in route.methods or ()})


def install(app: FastAPI, answer: Answer = error_page, *, not_acceptable: int = 400) -> None:
    """Let every error of the application's handlers become an answer. What is left the guard turns into a 500.

    `not_acceptable` is the status for values that FastAPI refused.
    """

    def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, StarletteHTTPException)
        if error.status_code < 400:  # a redirect from where only an exception gets out
            return Response(status_code=error.status_code, headers=error.headers)
        headers = error.headers
        if error.status_code == 405:
            headers = {**(headers or {}), "Allow": ", ".join(_methods(request))}
        return answer(request, error.status_code, headers, error)

    def refused(request: Request, error: Exception) -> Response:
        return answer(request, not_acceptable, None, error)

    def too_many(request: Request, error: Exception) -> Response:
        assert isinstance(error, TooManyAttempts)
        return answer(request, 429, {"Retry-After": str(error.seconds)})

    def away(request: Request, error: Exception) -> Response:
        logger.warning("request %s: %s", request.state.request_id, error)
        return answer(request, 503, {"Retry-After": "30"})

    app.add_exception_handler(StarletteHTTPException, http_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, refused)
    app.add_exception_handler(TooManyAttempts, too_many)
    for unreachable in AWAY:
        app.add_exception_handler(unreachable, away)
