"""Whether the portal lives, whether it can work, and for administrators how its parts stand."""

from __future__ import annotations

import datetime as dt
import time
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from tiktok_pipeline.portal.api.calling import Administrator
from tiktok_pipeline.portal.api.redis import Redis
from tiktok_pipeline.portal.api.routes import ServiceRoute
from tiktok_pipeline.portal.context import Context, PortalContext
from tiktok_pipeline.portal.health import is_ready
from tiktok_pipeline.warehouse.connection import AWAY

router = APIRouter(tags=["health"])
detailed = APIRouter(tags=["health"], route_class=ServiceRoute)
State = Literal["ok", "away", "not configured"]


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """Whether requests can be answered: database, migrations, key ring, the portal's secret."""

    status: Literal["ready", "not ready"]


class Day(BaseModel):
    """The latest day that is over: how many account-days it should have, and how many have data."""

    day: dt.date
    account_days: int
    captured: int


class Detailed(BaseModel):
    """How the parts stand. What needs the database is null while that is away."""

    ready: bool
    database: State
    database_seconds: float | None = Field(description="How long a small query took.")
    redis: State
    daemon_minutes: float | None = Field(description="Minutes since Dagster's daemon was last at work.")
    jobs_waiting: int | None = Field(description="Jobs on demand that no run has taken up.")
    jobs_running: int | None
    last_closed_day: Day | None


@router.get("/health", response_model=Alive)
async def health() -> Response:
    """The process lives and answers."""
    return JSONResponse(Alive().model_dump())


@router.get("/ready", response_model=Ready, responses={503: {"model": Ready}})
def ready(context: Context) -> Response:
    """Whether requests can be answered."""
    if is_ready(context):
        return JSONResponse(Ready(status="ready").model_dump())
    return JSONResponse(Ready(status="not ready").model_dump(), 503)


@detailed.get("/health/detailed", response_model=Detailed)
async def health_detailed(request: Request, context: Context, _: Administrator) -> Response:
    """How database, Redis, daemon and jobs stand, and how complete the latest day is that is over."""
    redis: Redis | None = request.app.state.redis
    found = await run_in_threadpool(_standing, context)
    found.redis = "not configured" if redis is None else "ok" if await redis.alive() else "away"
    return JSONResponse(found.model_dump(mode="json"), 200 if found.ready else 503)


def _standing(context: PortalContext) -> Detailed:
    began = time.monotonic()
    try:
        [row] = context.warehouse.execute("api/standing", {"zone": context.settings.reporting_timezone})
    except AWAY:
        return Detailed(
            ready=False,
            database="away",
            database_seconds=None,
            redis="not configured",
            daemon_minutes=None,
            jobs_waiting=None,
            jobs_running=None,
            last_closed_day=None,
        )
    taken = time.monotonic() - began
    day = {name: row.pop(name) for name in ("day", "account_days", "captured")}
    return Detailed(
        ready=is_ready(context),
        database="ok",
        database_seconds=round(taken, 4),
        redis="not configured",
        last_closed_day=Day(**day) if day["day"] else None,
        **row,
    )
