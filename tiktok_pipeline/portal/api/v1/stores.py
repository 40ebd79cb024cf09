"""Stores and their days."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel

from tiktok_pipeline.portal.api.answers import One, Page, about, answer, page_of
from tiktok_pipeline.portal.api.calling import Reader
from tiktok_pipeline.portal.api.cursors import place_of
from tiktok_pipeline.portal.api.routes import KeptRoute
from tiktok_pipeline.portal.api.v1.asking import (
    AskedDays,
    BeforeDay,
    Cursor,
    Limit,
    StoreCode,
    day_of,
    store_seen,
)
from tiktok_pipeline.portal.api.v1.rows import Store, StoreAccount, StoreDay, StoreWithAccounts
from tiktok_pipeline.portal.context import Context

router = APIRouter(tags=["stores"], route_class=KeptRoute)


class AfterStore(BaseModel):
    """The place in the list of stores."""

    after: str


@router.get("/stores", response_model=Page[Store])
def stores(
    request: Request, context: Context, caller: Reader, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """The stores that the caller may see, by code."""
    place = place_of(AfterStore, cursor)
    values = {
        "stores": None if caller.stores is None else list(caller.stores),
        "after": place.after if place else None,
        "limit": limit + 1,
    }
    found = context.warehouse.execute("api/stores", values)
    said, age = about(context.warehouse, caller)
    page = page_of(Store, found, limit, lambda row: AfterStore(after=row["store_code"]), said)
    return answer(request, page, age)


@router.get("/stores/{code}", response_model=One[StoreWithAccounts])
def store(request: Request, context: Context, caller: Reader, code: StoreCode) -> Response:
    """A store and its accounts."""
    found = store_seen(context, caller, code)
    accounts = [
        StoreAccount(**row) for row in context.warehouse.execute("api/store_accounts", {"store": code})
    ]
    said, age = about(context.warehouse, caller, store=code)
    data = StoreWithAccounts(**found, store_accounts=accounts)
    return answer(request, One[StoreWithAccounts](data=data, about=said), age)


@router.get("/stores/{code}/daily", response_model=Page[StoreDay])
def store_daily(
    request: Request,
    context: Context,
    caller: Reader,
    code: StoreCode,
    days: AskedDays,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """The days of a store, newest first."""
    place = place_of(BeforeDay, cursor)
    store_seen(context, caller, code)
    values = {
        "store": code,
        "first": days.first,
        "last": days.last,
        "before": place.before if place else None,
        "limit": limit + 1,
    }
    found = context.warehouse.execute("api/store_daily", values)
    said, age = about(context.warehouse, caller, store=code, first=days.first, last=days.last)
    page = page_of(StoreDay, found, limit, day_of, said)
    return answer(request, page, age)
