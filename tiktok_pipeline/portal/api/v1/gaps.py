"""Account-days without data."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from tiktok_pipeline.portal.api.answers import Page, about, answer
from tiktok_pipeline.portal.api.calling import Reader
from tiktok_pipeline.portal.api.cursors import cursor_after, place_of
from tiktok_pipeline.portal.api.v1.asking import AskedDays, Cursor, Limit
from tiktok_pipeline.portal.api.v1.rows import Endpoint, Gap
from tiktok_pipeline.portal.context import PortalContext

router = APIRouter(tags=["gaps"])


class AfterGap(BaseModel):
    """The place in the list of gaps."""

    day: dt.date
    account: int
    endpoint: Endpoint


@router.get("/gaps", response_model=Page[Gap])
def gaps(
    request: Request,
    caller: Reader,
    days: AskedDays,
    store: Annotated[str | None, Query(pattern=r"^[a-z0-9_-]{1,50}$", description="Only this store.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Account-days without data, newest first, with the reason why."""
    context: PortalContext = request.app.state.context
    place = place_of(AfterGap, cursor)
    if store is not None and not (
        caller.may_see(store) and context.warehouse.execute("api/store", {"store": store})
    ):
        raise HTTPException(404)
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
    found = [Gap(**row) for row in context.warehouse.execute("api/gaps", values)]
    following = None
    if len(found) > limit:
        end = found[limit - 1]
        following = cursor_after(AfterGap(day=end.day, account=end.account_id, endpoint=end.endpoint))
    said, age = about(context.warehouse, caller, store=store, first=days.first, last=days.last)
    return answer(request, Page[Gap](data=found[:limit], next=following, about=said), age)
