"""The days of a video."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from tiktok_pipeline.portal.api.answers import Page, about, answer, page_of
from tiktok_pipeline.portal.api.calling import Reader
from tiktok_pipeline.portal.api.cursors import place_of
from tiktok_pipeline.portal.api.routes import KeptRoute
from tiktok_pipeline.portal.api.v1.asking import AskedDays, BeforeDay, Cursor, Limit, VideoId, day_of
from tiktok_pipeline.portal.api.v1.rows import VideoDay
from tiktok_pipeline.portal.context import Context

router = APIRouter(tags=["videos"], route_class=KeptRoute)


@router.get("/videos/{video}/daily", response_model=Page[VideoDay])
def video_daily(
    request: Request,
    context: Context,
    caller: Reader,
    video: VideoId,
    days: AskedDays,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """The days of a video, newest first."""
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
    found = context.warehouse.execute("api/video_daily", values)
    said, age = about(
        context.warehouse,
        caller,
        store=whose[0]["store_code"],
        account=whose[0]["account_id"],
        first=days.first,
        last=days.last,
    )
    page = page_of(VideoDay, found, limit, day_of, said)
    return answer(request, page, age)
