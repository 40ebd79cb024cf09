"""The overview, and what an operator does with a store."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.history.deletion import StoreInUse, delete_store
from tiktok_pipeline.hub.disconnecting import disable, enable
from tiktok_pipeline.hub.overview import StoreLine, overview, store_line
from tiktok_pipeline.hub.stores import add_store, change_store
from tiktok_pipeline.portal.context import Context, PortalContext
from tiktok_pipeline.portal.operator.login import signed_in
from tiktok_pipeline.portal.operator.session import OperatorSession
from tiktok_pipeline.portal.pages import page

# What a redirect may say was done; anything else in the address says nothing.
DONE = {
    "added": "The store was added. Make a connect link for its person in charge.",
    "saved": "Saved.",
    "disabled": "Disabled. Nothing is captured of it until you enable it; its history stays.",
    "enabled": "Enabled.",
    "disconnected": "Disconnected. Its tokens are gone, and TikTok no longer lists our access; its history stays.",
    "deleted": "The store was deleted.",
}

router = APIRouter()
Text = Annotated[str, Form()]


@router.get("/")
def overview_page(
    request: Request,
    context: Context,
    search: Annotated[str, Query(max_length=100)] = "",
    only: Annotated[str, Query(alias="status")] = "",
    number: Annotated[int, Query(alias="page", ge=1, le=1_000_000)] = 1,
    done: str = "",
) -> Response:
    """Stores and accounts, fifty stores at a time."""
    shown = overview(context.warehouse, search, only, number)
    return page(
        request, "operator/overview.html", overview=shown, search=search, only=only, done=DONE.get(done)
    )


@router.get("/add-store")
def new_store_page(request: Request) -> Response:
    """The form for a new store."""
    return _new_store_page(request, {"code": "", "name": "", "pic": "", "contact": ""})


@router.post("/add-store")
def add(
    request: Request, context: Context, code: Text = "", name: Text = "", pic: Text = "", contact: Text = ""
) -> Response:
    """Add a store."""
    try:
        store = add_store(context.warehouse, code.strip(), name, pic, contact.strip() or None)
    except PipelineError as problem:
        typed = {"code": code, "name": name, "pic": pic, "contact": contact}
        return _new_store_page(request, typed, str(problem), 400)
    return RedirectResponse(f"/stores/{store.code}?done=added", 303)


@router.get("/stores/{store_code}")
def one_store(request: Request, context: Context, store_code: str, done: str = "") -> Response:
    """A store with everything that can be done to it."""
    return store_page(request, context, store_code, done=DONE.get(done))


@router.post("/stores/{store_code}/change")
def change(
    request: Request, context: Context, store_code: str, name: Text = "", pic: Text = "", contact: Text = ""
) -> Response:
    """Change a store's name, person in charge or contact."""
    require_store_line(context, store_code)
    try:
        change_store(context.warehouse, store_code, name, pic, contact.strip() or None)
    except PipelineError as problem:
        return store_page(request, context, store_code, 400, problem=str(problem))
    return RedirectResponse(f"/stores/{store_code}?done=saved", 303)


@router.post("/stores/{store_code}/link")
def make_link(request: Request, context: Context, store_code: str) -> Response:
    """Make a link with which the store connects an account, and show it this once."""
    require_store_line(context, store_code)
    link = context.links.make(store_code, made_by="operator")
    return store_page(request, context, store_code, link=link)


@router.post("/stores/{store_code}/disable")
def disable_all(context: Context, store_code: str) -> Response:
    """Disable a store, which is all of its accounts."""
    line = require_store_line(context, store_code)
    disable(context.warehouse, *(account.id for account in line.accounts))
    return RedirectResponse(f"/stores/{store_code}?done=disabled", 303)


@router.post("/stores/{store_code}/enable")
def enable_all(context: Context, store_code: str) -> Response:
    """Enable all accounts of a store."""
    line = require_store_line(context, store_code)
    enable(context.warehouse, *(account.id for account in line.accounts))
    return RedirectResponse(f"/stores/{store_code}?done=enabled", 303)


@router.post("/stores/{store_code}/delete")
def delete(
    request: Request,
    context: Context,
    session: Annotated[OperatorSession, Depends(signed_in)],
    store_code: str,
    confirmation: Text = "",
) -> Response:
    """Delete a store with everything of it, when its code was typed."""
    require_store_line(context, store_code)
    if confirmation.strip() != store_code:
        problem = f"Not deleted: type the store's code, {store_code}, to confirm."
        return store_page(request, context, store_code, 400, problem=problem)
    try:
        delete_store(context.warehouse, store_code, actor=session.id)
    except StoreInUse as problem:
        return store_page(request, context, store_code, 409, problem=str(problem))
    return RedirectResponse("/?done=deleted", 303)


def require_store_line(context: PortalContext, store_code: str) -> StoreLine:
    """The store and its accounts; the 404 page when there is none."""
    try:
        return store_line(context.warehouse, store_code)
    except PipelineError:
        raise HTTPException(404) from None


def store_page(
    request: Request, context: PortalContext, store_code: str, status: int = 200, **shown: Any
) -> Response:
    """The page of a store; `shown` may be `done`, `problem` or a new `link`."""
    values = {"done": None, "problem": None, "link": None, **shown}
    line = require_store_line(context, store_code)
    return page(request, "operator/store.html", status, line=line, **values)


def _new_store_page(
    request: Request, typed: dict[str, str], problem: str | None = None, status: int = 200
) -> Response:
    return page(request, "operator/new_store.html", status, typed=typed, problem=problem)
