"""For administrators: a new store, what failed, and how everything stands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from tiktok_pipeline.capture.dead_letters import causes
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.hub.stores import add_store
from tiktok_pipeline.on_demand.failures import Place, Which, failures, mark_seen, to_retry
from tiktok_pipeline.on_demand.jobs import Asker
from tiktok_pipeline.portal.api.calling import Administrator
from tiktok_pipeline.portal.api.cursors import cursor_after, place_of
from tiktok_pipeline.portal.api.jobs import SyncJobWithAccounts, asked_job, job_answer
from tiktok_pipeline.portal.api.routes import ServiceRoute
from tiktok_pipeline.portal.api.streams import EVENT_STREAM, streams_of
from tiktok_pipeline.portal.api.tokens import Caller
from tiktok_pipeline.portal.api.v1.asking import Cursor, Day, Limit
from tiktok_pipeline.portal.api.v1.gaps import AfterGap
from tiktok_pipeline.portal.api.v1.rows import Endpoint
from tiktok_pipeline.portal.context import Context, PortalContext

router = APIRouter(prefix="/admin", tags=["administration"], route_class=ServiceRoute)
Cause = Annotated[str | None, Query(max_length=100, description="Only of this reason or error code.")]
Account = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Only of this account.")]


class NewStore(BaseModel):
    """A store to add."""

    model_config = ConfigDict(extra="forbid")

    store_code: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,50}$")]
    store_name: Annotated[str, Field(max_length=200)]
    pic_name: Annotated[str, Field(max_length=200, description="The person in charge.")]
    pic_contact: Annotated[str, Field(max_length=200)] | None = None


class AddedStore(BaseModel):
    """The new store."""

    store_code: str
    store_name: str
    pic_name: str
    created_at: dt.datetime


class FailedDay(BaseModel):
    """A failed account-day: why, and what keeps it from being tried again (`hindrance`), if anything does."""

    day: dt.date
    store_code: str
    account_id: int
    endpoint: Endpoint
    reason: str | None
    error_code: str | None
    error_message: str | None
    http_status: int | None
    log_id: str | None
    attempts: int
    final: bool
    failed_at: dt.datetime | None
    hindrance: str | None
    resolved_at: dt.datetime | None
    resolved_by: str | None


class FailedDays(BaseModel):
    """Some failed account-days. `next` is the `cursor` that asks for what follows."""

    data: list[FailedDay]
    next: str | None


class Chosen(BaseModel):
    """Which failed account-days: of a cause, an account, an endpoint, a day; of all that is given."""

    model_config = ConfigDict(extra="forbid")

    cause: Annotated[str, Field(max_length=100)] | None = None
    account_id: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None
    endpoint: Endpoint | None = None
    day: Day | None = None


class Resolved(BaseModel):
    """How many failed account-days were marked."""

    account_days: int


class Failures(BaseModel):
    """Account-days of an endpoint that failed for one cause."""

    endpoint: Endpoint
    reason: str
    error_code: str | None
    account_days: int
    final: bool


class EndpointToday(BaseModel):
    """The captures of today, by state."""

    endpoint: Endpoint
    planned: int
    capturing: int
    captured: int
    failed: int
    gap: int


class QuotaNow(BaseModel):
    """How much of the quota of an endpoint is used."""

    endpoint: str
    requests_last_minute: int
    most_a_minute: int
    paused_until: dt.datetime | None
    down_since: dt.datetime | None


class Dashboard(BaseModel):
    """How everything stands now."""

    day: dt.date
    stores: int
    accounts: dict[str, int] = Field(description="By status.")
    captures_today: list[EndpointToday]
    gaps_yesterday: int
    quota: list[QuotaNow]
    jobs: dict[str, int] = Field(
        description="Captures on demand that wait, run, or failed and are not resolved."
    )
    messages_waiting: int
    failures: list[Failures]
    daemon_minutes: float | None


@router.post("/stores", response_model=AddedStore, status_code=201)
def new_store(context: Context, caller: Administrator, store: NewStore) -> Response:
    """Add a store; 409 when its code is taken. A caller who sees some stores only may add none."""
    if caller.stores is not None:
        raise HTTPException(403, "The token sees some stores only, and so may add none.")
    known = context.warehouse.execute("api/stores", {"stores": [store.store_code], "after": None, "limit": 1})
    if known:
        raise HTTPException(409, f"store {store.store_code}: exists already. Choose another code.")
    try:
        added = add_store(
            context.warehouse, store.store_code, store.store_name, store.pic_name, store.pic_contact or None
        )
    except PipelineError as refused:
        raise HTTPException(422, str(refused)) from None
    said = AddedStore(
        store_code=added.code, store_name=added.name, pic_name=added.pic, created_at=added.created_at
    )
    return JSONResponse(said.model_dump(mode="json"), 201, {"Location": f"/api/v1/stores/{added.code}"})


@router.get("/failed", response_model=FailedDays)
def failed(
    context: Context,
    caller: Administrator,
    cause: Cause = None,
    account: Account = None,
    resolved: Annotated[bool, Query(description="Also those that somebody has seen to.")] = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> FailedDays:
    """Account-days that are failed now, the latest first; a day that is over has gaps instead."""
    place = place_of(AfterGap, cursor)
    found = failures(
        context.warehouse,
        Which(cause, account, stores=caller.stores),
        after=Place(place.day, place.account, place.endpoint) if place else None,
        limit=limit + 1,
        resolved=resolved,
    )
    rows = [FailedDay(**row) for row in found[:limit]]
    following = cursor_after(_place(found[limit - 1])) if len(found) > limit else None
    return FailedDays(data=rows, next=following)


@router.post(
    "/failed/retry",
    response_model=SyncJobWithAccounts,
    status_code=202,
    responses={409: {"description": "Nothing of it can be tried again today."}},
)
def failed_retry(request: Request, context: Context, caller: Administrator, chosen: Chosen) -> Response:
    """Capture again what failed today, also what failed for good; a day that has passed cannot be."""
    wanted = to_retry(context.warehouse, _which(caller, chosen))
    if wanted is None:
        raise HTTPException(409, "Nothing of it can be tried again today.")
    asker = Asker(caller.name, "service", request.state.request_id)
    return job_answer(context, asked_job(context, wanted, asker), 202)


@router.post("/failed/resolve", response_model=Resolved)
def failed_resolve(context: Context, caller: Administrator, chosen: Chosen) -> Resolved:
    """Mark failed account-days as seen to; the ledger stays as it is, and a further failure is listed again."""
    return Resolved(account_days=mark_seen(context.warehouse, _which(caller, chosen), caller.name))


@router.get("/dashboard", response_model=Dashboard)
def dashboard(context: Context, caller: Administrator) -> Dashboard:
    """How everything stands, in one answer; for callers who see all stores."""
    _require_all_stores(caller)
    return _dashboard(context)


@router.get("/dashboard/events", response_class=Response, responses=EVENT_STREAM)
def dashboard_events(request: Request, context: Context, caller: Administrator) -> Response:
    """The same as events, each time something of it has changed, for ten minutes."""
    _require_all_stores(caller)
    return streams_of(request).of("dashboard", lambda: _dashboard(context), lambda _: False)


def _dashboard(context: PortalContext) -> Dashboard:
    settings = context.settings
    [row] = context.warehouse.execute("api/dashboard", {"zone": settings.reporting_timezone})
    today = context.warehouse.execute("api/captures_of_day", {"day": row["day"]})
    quota = context.warehouse.execute("api/quota", {"client_key": settings.tiktok_client_key})
    counts = context.warehouse.execute("hub/overview_counts")[0]
    return Dashboard(
        day=row["day"],
        stores=counts["stores"],
        accounts={
            name.upper(): counts[name] for name in ("connected", "need_reconnect", "error", "disabled")
        },
        captures_today=[EndpointToday(**one) for one in today],
        gaps_yesterday=row["gaps_yesterday"],
        quota=[QuotaNow(**one, most_a_minute=settings.tiktok_requests_per_minute) for one in quota],
        jobs={name: row[f"jobs_{name}"] for name in ("waiting", "running", "failed")},
        messages_waiting=row["messages_waiting"],
        failures=[
            Failures(
                endpoint=cause.endpoint,
                reason=cause.reason,
                error_code=cause.error_code,
                account_days=cause.account_days,
                final=cause.final,
            )
            for cause in causes(context.warehouse)
        ],
        daemon_minutes=row["daemon_minutes"],
    )


def _which(caller: Caller, chosen: Chosen) -> Which:
    return Which(chosen.cause, chosen.account_id, chosen.endpoint, chosen.day, caller.stores)


def _place(row: Mapping[str, Any]) -> AfterGap:
    return AfterGap(day=row["day"], account=row["account_id"], endpoint=row["endpoint"])


def _require_all_stores(caller: Caller) -> None:
    if caller.stores is not None:
        raise HTTPException(403, "The token sees some stores only, and this is of all.")
