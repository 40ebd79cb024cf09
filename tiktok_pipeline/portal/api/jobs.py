"""Captures on demand as callers see them, and how what is refused is answered."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any, Literal

from fastapi import HTTPException
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from tiktok_pipeline.capture.ledger import Endpoint
from tiktok_pipeline.on_demand.jobs import (
    AskedOtherwise,
    Asker,
    Job,
    Module,
    NothingToCapture,
    State,
    TooCostly,
    Wanted,
    ask,
    outcomes,
)
from tiktok_pipeline.portal.context import PortalContext


class Outcome(BaseModel):
    """What has become of an account-day by now; `none`: no run came to it yet."""

    account_id: int
    store_code: str
    endpoint: Endpoint
    state: Literal["none", "planned", "capturing", "captured", "failed", "gap", "imported"]
    attempts: int
    pages: int
    captured_at: dt.datetime | None
    reason: str | None
    error_code: str | None
    error_message: str | None


class SyncJob(BaseModel):
    """A capture on demand. `done`: its run is over; what became of each account is in `accounts`."""

    id: uuid.UUID
    module: Module
    store_code: str | None
    account_ids: list[int]
    day: dt.date
    since: dt.datetime | None
    state: State
    attempts: int
    asked_by: str
    request_id: str | None
    asked_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    run_id: str | None
    run_url: str | None = Field(description="The run in the Dagster UI, with its logs.")
    error: str | None
    resolved_at: dt.datetime | None
    resolved_by: str | None


class SyncJobWithAccounts(SyncJob):
    """A capture on demand with the outcome of each account."""

    accounts: list[Outcome]


def asked_job(context: PortalContext, wanted: Wanted, asker: Asker) -> Job:
    """The job that sees to what is wanted. Raises 409, 422 and 429 in the words of what was refused."""
    settings = context.settings
    try:
        return ask(
            context.warehouse, settings.reporting_timezone, wanted, asker, settings.sync_requests_per_hour
        )
    except NothingToCapture as refused:
        raise HTTPException(409, str(refused)) from None
    except AskedOtherwise as refused:
        raise HTTPException(422, str(refused)) from None
    except TooCostly as refused:
        raise HTTPException(429, str(refused), {"Retry-After": str(refused.seconds)}) from None


def job_answer(context: PortalContext, job: Job, status: int) -> Response:
    """The job with its accounts; `Location` says where to look at it again."""
    headers = {"Location": f"/api/v1/admin/sync/{job.id}"}
    return JSONResponse(shown_job(context, job).model_dump(mode="json"), status, headers)


def shown_job(context: PortalContext, job: Job) -> SyncJobWithAccounts:
    """The job as callers see it."""
    accounts = [Outcome(**row) for row in outcomes(context.warehouse, job.id)]
    return SyncJobWithAccounts(**said(context, job), accounts=accounts)


def said(context: PortalContext, job: Job) -> dict[str, Any]:
    """What a job says of itself to callers."""
    return {
        **vars(job),
        "account_ids": list(job.account_ids),
        "run_url": job.log_address(context.settings.dagster_url),
    }
