"""Account-days without data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from tiktok_pipeline.portal.api.answers import Page, about, answer, page_of
from tiktok_pipeline.portal.api.calling import Reader
from tiktok_pipeline.portal.api.cursors import place_of
from tiktok_pipeline.portal.api.routes import KeptRoute
from tiktok_pipeline.portal.api.v1.asking import AskedDays, Cursor, Limit, store_seen
from tiktok_pipeline.portal.api.v1.rows import Endpoint, Gap
from tiktok_pipeline.portal.context import Context

router = APIRouter(tags=["gaps"], route_class=KeptRoute)


class AfterGap(BaseModel):
    """The place in the list of gaps."""

    day: dt.date
    account: int
    endpoint: Endpoint


@router.get("/gaps", response_model=Page[Gap])
def gaps(
    request: Request,
    context: Context,
    caller: Reader,
    days: AskedDays,
    store: Annotated[str | None, Query(pattern=r"^[a-z0-9_-]{1,50}$", description="Only this store.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Account-days without data, newest first, with the reason why."""
    place = place_of(AfterGap, cursor)
    if store is not None:
        store_seen(context, caller, store)
    stores = [store] if store is not None else caller.stores
    values = {
        "stores": None if stores is None else list(stores),
        "first": days.first,
        "last": days.last,
        "after_day": place.day if place else None,
        "after_account": place.account if place else None,
        "after_endpoint": place.endpoint if place else None,
        "limit": limit + 1,
    }
    found = context.warehouse.execute("api/gaps", values)
    said, age = about(context.warehouse, caller, store=store, first=days.first, last=days.last)
    return answer(request, page_of(Gap, found, limit, _place, said), age)


def _place(row: Mapping[str, Any]) -> AfterGap:
    return AfterGap(day=row["day"], account=row["account_id"], endpoint=row["endpoint"])
