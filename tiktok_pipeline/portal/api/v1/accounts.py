"""Accounts and their videos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from tiktok_pipeline.portal.api.answers import One, Page, about, answer, page_of
from tiktok_pipeline.portal.api.calling import Reader
from tiktok_pipeline.portal.api.cursors import place_of
from tiktok_pipeline.portal.api.routes import KeptRoute
from tiktok_pipeline.portal.api.tokens import Caller
from tiktok_pipeline.portal.api.v1.asking import AccountId, Cursor, Limit
from tiktok_pipeline.portal.api.v1.rows import Account, Video
from tiktok_pipeline.portal.context import Context, PortalContext

router = APIRouter(tags=["accounts"], route_class=KeptRoute)
Sort = Literal["views", "likes", "newest"]


class AfterVideo(BaseModel):
    """The place in a list of videos, in one of its orders."""

    sort: Sort
    place: int
    video_id: str


@router.get("/accounts/{account}", response_model=One[Account])
def account_by_id(request: Request, context: Context, caller: Reader, account: AccountId) -> Response:
    """An account with the counters of its latest day."""
    row = _seen(context, caller, account)
    said, age = about(context.warehouse, caller, store=row["store_code"], account=account)
    return answer(request, One[Account](data=Account(**row), about=said), age)


@router.get("/accounts/{account}/videos", response_model=Page[Video])
def account_videos(
    request: Request,
    context: Context,
    caller: Reader,
    account: AccountId,
    sort: Annotated[Sort, Query(description="Most views or likes first, or newest first.")] = "newest",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """The videos of an account with their latest counters."""
    place = place_of(AfterVideo, cursor)
    if place is not None and place.sort != sort:
        raise HTTPException(422, f"cursor: it goes on in the order of {place.sort}. Begin without one.")
    row = _seen(context, caller, account)
    values = {
        "account": account,
        "store": row["store_code"],
        "sort": sort,
        "after_place": place.place if place else None,
        "after_id": place.video_id if place else None,
        "limit": limit + 1,
    }
    found = context.warehouse.execute("api/account_videos", values)
    said, age = about(context.warehouse, caller, store=row["store_code"], account=account)

    def place_in(video: Mapping[str, Any]) -> AfterVideo:
        return AfterVideo(sort=sort, place=video["place"], video_id=video["video_id"])

    return answer(request, page_of(Video, found, limit, place_in, said), age)


def _seen(context: PortalContext, caller: Caller, account: int) -> dict[str, Any]:
    """The account, where the caller may see it; else 404, as if it were not there."""
    found = context.warehouse.execute("api/account", {"account": account})
    if not found or not caller.may_see(found[0]["store_code"]):
        raise HTTPException(404)
    return found[0]
