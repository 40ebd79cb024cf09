"""The portal's application: which pages there are, and what stands around them."""

from __future__ import annotations

import threading

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response

from tiktok_pipeline.portal import connect, errors, health, metrics, operator, tiktok_calls, webhooks
from tiktok_pipeline.portal.api import create_api, docs
from tiktok_pipeline.portal.api.problems import problem
from tiktok_pipeline.portal.context import PortalContext
from tiktok_pipeline.portal.pages import STYLE
from tiktok_pipeline.portal.security import API, Guard

style = APIRouter()


@style.get("/static/style.css")
def stylesheet() -> Response:
    """The one stylesheet."""
    return Response(STYLE, media_type="text/css")


def create_app(context: PortalContext) -> FastAPI:
    """The portal as an ASGI application. It describes itself to nobody: no OpenAPI, no docs."""
    app = FastAPI(
        title="tiktok_pipeline portal",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.context = context
    app.state.closing = threading.Event()  # set when the server is told to stop
    app.state.tiktok_calls = tiktok_calls.places()
    # First: routes are tried one after the other, and most requests are the API's.
    app.mount(f"{API}v1", create_api(context, app.state.closing))
    for router in (
        style,
        health.router,
        metrics.router,
        connect.router,
        operator.router,
        webhooks.router,
        docs.redirect,
    ):
        app.include_router(router)
    errors.install(app)
    app.add_middleware(Guard, settings=context.settings, error_page=_error)
    return app


def _error(request: Request, status: int) -> Response:
    """An error that the guard answers itself: a problem to whoever asks the API, a page to people."""
    if request.url.path.startswith(API):
        return problem(request, status)
    return errors.error_page(request, status)
