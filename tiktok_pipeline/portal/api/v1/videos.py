"""The days of a video."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from tiktok_pipeline.portal.api.answers import Page, about, answer
from tiktok_pipeline.portal.api.calling import Reader
from tiktok_pipeline.portal.api.cursors import cursor_after, place_of
from tiktok_pipeline.portal.api.v1.asking import AskedDays, BeforeDay, Cursor, Limit, VideoId
from tiktok_pipeline.portal.api.v1.rows import VideoDay
from tiktok_pipeline.portal.context import PortalContext

router = APIRouter(tags=["videos"])


@router.get("/videos/{video}/daily", response_model=Page[VideoDay])
def video_daily(
    request: Request,
    caller: Reader,
    video: VideoId,
    days: AskedDays,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """The days of a video, newest first."""
    context: PortalContext = request.app.state.context
    place = place_of(BeforeDay, cursor)
    whose = context.warehouse.execute("api/video", {"video": video})
    if not whose or not caller.may_see(whose[0]["store_code"]):
        raise HTTPException(404)
    values = {
        "video": video,
        "first": days.first,
        "last": days.last,
        "before": place.before if place else None,
        "limit": limit + 1,
    }
    found = [VideoDay(**row) for row in context.warehouse.execute("api/video_daily", values)]
    following = cursor_after(BeforeDay(before=found[limit - 1].snapshot_date)) if len(found) > limit else None
    said, age = about(
        context.warehouse,
        caller,
        store=whose[0]["store_code"],
        account=whose[0]["account_id"],
        first=days.first,
        last=days.last,
    )
    return answer(request, Page[VideoDay](data=found[:limit], next=following, about=said), age)
