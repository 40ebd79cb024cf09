"""Captures on demand: asking for one, and what became of it."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from tiktok_pipeline.on_demand.jobs import (
    Asker,
    Job,
    Module,
    State,
    Wanted,
    again,
    find,
    jobs,
    resolve,
)
from tiktok_pipeline.portal.api.calling import Syncer
from tiktok_pipeline.portal.api.cursors import cursor_after, place_of
from tiktok_pipeline.portal.api.jobs import (
    SyncJob,
    SyncJobWithAccounts,
    asked_job,
    job_answer,
    said,
    shown_job,
)
from tiktok_pipeline.portal.api.routes import ServiceRoute
from tiktok_pipeline.portal.api.streams import EVENT_STREAM, streams_of
from tiktok_pipeline.portal.api.tokens import Caller
from tiktok_pipeline.portal.api.v1.asking import Cursor, Limit
from tiktok_pipeline.portal.context import Context, PortalContext

router = APIRouter(prefix="/admin/sync", tags=["captures on demand"], route_class=ServiceRoute)
LONGEST_WAIT = 30
LOOK_SECONDS = 0.25
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]


class Asked(BaseModel):
    """What to capture today: a store's accounts or one account."""

    model_config = ConfigDict(extra="forbid")

    module: Module = Field("all", description="The profile, the list of videos, or both.")
    store_code: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,50}$")] | None = None
    account_id: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None
    since: AwareDatetime | None = Field(
        None,
        description="What was captured before this instant is captured afresh, and replaces the day's snapshot; "
        "without, only what is missing is captured.",
    )
    wait: int = Field(0, ge=0, le=LONGEST_WAIT, description="Seconds to wait for the result.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Asked:
        if (self.store_code is None) == (self.account_id is None):
            raise ValueError("store_code or account_id: give one of them")
        return self


class SyncJobs(BaseModel):
    """Some captures on demand, the latest first. `next` is the `cursor` that asks for what follows."""

    data: list[SyncJob]
    next: str | None


class AfterJob(BaseModel):
    """The place in the list of jobs."""

    asked_at: AwareDatetime
    id: uuid.UUID


@router.post(
    "",
    response_model=SyncJobWithAccounts,
    responses={202: {"model": SyncJobWithAccounts, "description": "It is not over yet; see Location."}},
)
async def sync(request: Request, context: Context, caller: Syncer, asked: Asked, key: Key = None) -> Response:
    """Ask for a capture today. The same job for whoever wants the same while it is under way."""
    job = await run_in_threadpool(_asked, request, context, caller, asked, key)
    deadline = time.monotonic() + asked.wait
    while not job.is_over and time.monotonic() < deadline:
        await asyncio.sleep(LOOK_SECONDS)
        found = await run_in_threadpool(find, context.warehouse, job.id)
        job = found or job
    return await run_in_threadpool(job_answer, context, job, 200 if job.is_over else 202)


@router.get("", response_model=SyncJobs)
def sync_jobs(
    context: Context,
    caller: Syncer,
    state: Annotated[State | None, Query(description="Only those in this state.")] = None,
    unresolved: Annotated[bool, Query(description="Only those that nobody has marked as resolved.")] = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> SyncJobs:
    """Captures on demand, the latest first: all for administrators, else the caller's own."""
    place = place_of(AfterJob, cursor)
    found = jobs(
        context.warehouse,
        asked_by=None if _sees_all(caller) else caller.name,
        state=state,
        unresolved=unresolved,
        after=(place.asked_at, place.id) if place else None,
        limit=limit + 1,
    )
    shown = [SyncJob(**said(context, job)) for job in found[:limit]]
    last = shown[-1] if len(found) > limit else None
    following = cursor_after(AfterJob(asked_at=last.asked_at, id=last.id)) if last else None
    return SyncJobs(data=shown, next=following)


@router.get("/{job_id}", response_model=SyncJobWithAccounts)
def sync_job(context: Context, caller: Syncer, job_id: uuid.UUID) -> Response:
    """A capture on demand, and what has become of each account by now."""
    return job_answer(context, _seen(context, caller, job_id), 200)


@router.get("/{job_id}/events", response_class=Response, responses=EVENT_STREAM)
async def sync_job_events(request: Request, context: Context, caller: Syncer, job_id: uuid.UUID) -> Response:
    """The job as events, each time something of it has changed, until it is over."""
    await run_in_threadpool(_seen, context, caller, job_id)

    def look() -> SyncJobWithAccounts:
        return shown_job(context, _seen(context, caller, job_id))

    def is_over(job: BaseModel) -> bool:
        return isinstance(job, SyncJob) and job.state in ("done", "failed")

    return streams_of(request).of("job", look, is_over)


@router.post("/{job_id}/again", response_model=SyncJobWithAccounts, status_code=202)
def sync_job_again(context: Context, caller: Syncer, job_id: uuid.UUID) -> Response:
    """Let another run see to a job that is over; 409 while it is not, and when its day has passed."""
    _seen(context, caller, job_id)
    return _changed(
        context,
        lambda: again(context.warehouse, context.settings.reporting_timezone, job_id),
        "The job is under way, or its day has passed: only today can be captured.",
        202,
    )


@router.post("/{job_id}/resolve", response_model=SyncJobWithAccounts)
def sync_job_resolve(context: Context, caller: Syncer, job_id: uuid.UUID) -> Response:
    """Mark a job as one that nothing more is to be done about; 409 while it is not over."""
    _seen(context, caller, job_id)
    return _changed(
        context, lambda: resolve(context.warehouse, job_id, caller.name), "The job is under way.", 200
    )


def _asked(request: Request, context: PortalContext, caller: Caller, asked: Asked, key: str | None) -> Job:
    account = (asked.account_id,) if asked.account_id is not None else None
    _require_seen(context, caller, asked)
    wanted = Wanted(asked.module, asked.store_code, account, asked.since)
    return asked_job(context, wanted, Asker(caller.name, "service", request.state.request_id, key))


def _require_seen(context: PortalContext, caller: Caller, asked: Asked) -> None:
    """404 for a store or account that the caller may not see, as if it were not there."""
    code = asked.store_code
    if asked.account_id is not None:
        found = context.warehouse.execute("api/account", {"account": asked.account_id})
        code = found[0]["store_code"] if found else None
    elif not context.warehouse.execute("api/stores", {"stores": [code], "after": None, "limit": 1}):
        code = None
    if code is None or not caller.may_see(code):
        raise HTTPException(404)


def _sees_all(caller: Caller) -> bool:
    return "admin" in caller.scopes and caller.stores is None


def _seen(context: PortalContext, caller: Caller, job_id: uuid.UUID) -> Job:
    job = find(context.warehouse, job_id)
    if job is None or not (_sees_all(caller) or job.asked_by == caller.name):
        raise HTTPException(404)
    return job


def _changed(context: PortalContext, change: Callable[[], Job | None], why_not: str, status: int) -> Response:
    job = change()
    if job is None:
        raise HTTPException(409, why_not)
    return job_answer(context, job, status)
