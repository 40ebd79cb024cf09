"""The daily digest as a page: the company's, or a store's; the latest day that is over, or any other."""

from __future__ import annotations

import datetime as dt
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response

from tiktok_pipeline.digest.charts import draw
from tiktok_pipeline.digest.reading import calendar, read_digest
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.portal.context import Context, PortalContext
from tiktok_pipeline.portal.pages import page

router = APIRouter()
StoreCode = Annotated[str, Query(max_length=50)]
DAY = dt.timedelta(days=1)


@router.get("/digest")
def latest(request: Request, context: Context, day: dt.date | None = None, store: StoreCode = "") -> Response:
    """The latest day that is over; the form with which another day or store is chosen leads on from here."""
    if day is not None:
        return RedirectResponse(_address(day, store.strip()), 303)
    return _digest_page(request, context, None, store)


@router.get("/digest/{day}")
def of_day(request: Request, context: Context, day: dt.date, store: StoreCode = "") -> Response:
    """A day; 404 when it has not begun."""
    return _digest_page(request, context, day, store)


def _digest_page(request: Request, context: PortalContext, day: dt.date | None, store: str) -> Response:
    settings = context.settings
    known = calendar(context.warehouse, settings.reporting_timezone, settings.capture_grace)
    code = store.strip() or None
    try:
        digest = read_digest(context.warehouse, known, day, code)
    except PipelineError:
        raise HTTPException(404) from None
    has_next = digest.day < known.today
    return page(
        request,
        "operator/digest.html",
        digest=digest,
        pictures=draw(digest, "svg"),
        before=_address(digest.day - DAY, code),
        after=_address(digest.day + DAY, code) if has_next else None,
    )


def _address(day: dt.date, store: str | None) -> str:
    return f"/digest/{day}" + (f"?{urlencode({'store': store})}" if store else "")
