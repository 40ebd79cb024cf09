"""Stores and their days."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from pydantic import BaseModel

from tiktok_pipeline.portal.api.answers import One, Page, about, answer
from tiktok_pipeline.portal.api.calling import Reader
from tiktok_pipeline.portal.api.cursors import cursor_after, place_of
from tiktok_pipeline.portal.api.v1.asking import AskedDays, BeforeDay, Cursor, Limit, StoreCode
from tiktok_pipeline.portal.api.v1.rows import Store, StoreAccount, StoreDay, StoreWithAccounts
from tiktok_pipeline.portal.context import PortalContext

router = APIRouter(tags=["stores"])


class AfterStore(BaseModel):
    """The place in the list of stores."""

    after: str


@router.get("/stores", response_model=Page[Store])
def stores(request: Request, caller: Reader, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """The stores that the caller may see, by code."""
    context: PortalContext = request.app.state.context
    place = place_of(AfterStore, cursor)
    values = {
        "stores": None if caller.stores is None else list(caller.stores),
        "after": place.after if place else None,
        "limit": limit + 1,
    }
    found = [Store(**row) for row in context.warehouse.execute("api/stores", values)]
    following = cursor_after(AfterStore(after=found[limit - 1].store_code)) if len(found) > limit else None
    said, age = about(context.warehouse, caller)
    return answer(request, Page[Store](data=found[:limit], next=following, about=said), age)


@router.get("/stores/{code}", response_model=One[StoreWithAccounts])
def store(request: Request, caller: Reader, code: StoreCode) -> Response:
    """A store and its accounts."""
    context: PortalContext = request.app.state.context
    found = context.warehouse.execute("api/store", {"store": code}) if caller.may_see(code) else []
    if not found:
        raise HTTPException(404)
    accounts = [
        StoreAccount(**row) for row in context.warehouse.execute("api/store_accounts", {"store": code})
    ]
    said, age = about(context.warehouse, caller, store=code)
    data = StoreWithAccounts(**found[0], store_accounts=accounts)
    return answer(request, One[StoreWithAccounts](data=data, about=said), age)


@router.get("/stores/{code}/daily", response_model=Page[StoreDay])
def store_daily(
    request: Request,
    caller: Reader,
    code: StoreCode,
    days: AskedDays,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """The days of a store, newest first."""
    context: PortalContext = request.app.state.context
    place = place_of(BeforeDay, cursor)
    if not caller.may_see(code) or not context.warehouse.execute("api/store", {"store": code}):
        raise HTTPException(404)
    values = {
        "store": code,
        "first": days.first,
        "last": days.last,
        "before": place.before if place else None,
        "limit": limit + 1,
    }
    found = [StoreDay(**row) for row in context.warehouse.execute("api/store_daily", values)]
    following = cursor_after(BeforeDay(before=found[limit - 1].snapshot_date)) if len(found) > limit else None
    said, age = about(context.warehouse, caller, store=code, first=days.first, last=days.last)
    return answer(request, Page[StoreDay](data=found[:limit], next=following, about=said), age)
