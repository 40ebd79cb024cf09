"""Reports as files, as `tiktok-pipeline export` writes them."""

from __future__ import annotations

import datetime as dt
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import IO, Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response, StreamingResponse

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.exporting import FORMATS, Wanted, export_report, reports
from tiktok_pipeline.hub.stores import list_stores
from tiktok_pipeline.portal.context import Context, PortalContext
from tiktok_pipeline.portal.pages import page

MOST_AT_ONCE = 2  # of 40 threads and 20 connections; each may take minutes
BLOCK = 256 * 1024
MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}
FIRST_CHOICE = "store_daily"

router = APIRouter()
Text = Annotated[str, Form(max_length=100)]
_places = threading.BoundedSemaphore(MOST_AT_ONCE)


@router.get("/export")
def export_page(
    request: Request, context: Context, store: Annotated[str, Query(max_length=100)] = ""
) -> Response:
    """The form, with `store` chosen."""
    return _export_page(request, context, {"report": FIRST_CHOICE, "store": store, "format": FORMATS[0]})


@router.post("/export")
def export(
    request: Request,
    context: Context,
    report: Text = "",
    store: Text = "",
    first: Annotated[str, Form(alias="from", max_length=100)] = "",
    last: Annotated[str, Form(alias="to", max_length=100)] = "",
    format: Text = "",
) -> Response:
    """The file. It is whole before it is sent: a slow reader holds no connection of the database, and what cannot be
    written is said on the page.
    """
    chosen = {"report": report, "store": store, "from": first, "to": last, "format": format}
    if not _places.acquire(blocking=False):
        busy = f"{MOST_AT_ONCE} exports are being made just now. Try again in a minute."
        return _export_page(request, context, chosen, busy, 503)
    with ExitStack() as open_files:
        file = open_files.enter_context(tempfile.TemporaryFile())
        try:
            wanted = Wanted(report, store or None, _day("From", first), _day("To", last))
            export_report(context.warehouse, wanted, format, file)
        except PipelineError as problem:
            return _export_page(request, context, chosen, str(problem), 400)
        finally:
            _places.release()
        open_files.pop_all()  # it is closed when it was sent
    name = "_".join(part for part in (report, store, first, last) if part)
    headers = {
        "Content-Disposition": f'attachment; filename="{re.sub(r"[^A-Za-z0-9_.-]", "_", name)}.{format}"'
    }
    headers["Content-Length"] = str(file.tell())
    return StreamingResponse(_blocks(file), headers=headers, media_type=MEDIA_TYPES[format])


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while block := file.read(BLOCK):
            yield block


def _day(field: str, text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        raise PipelineError(f"{field} {text}: not a date. Write it as YYYY-MM-DD.") from None


def _export_page(
    request: Request,
    context: PortalContext,
    chosen: dict[str, str],
    problem: str | None = None,
    status: int = 200,
) -> Response:
    return page(
        request,
        "operator/export.html",
        status,
        reports=reports(context.warehouse),
        stores=list_stores(context.warehouse),
        formats=FORMATS,
        chosen={"from": "", "to": "", **chosen},
        problem=problem,
    )
