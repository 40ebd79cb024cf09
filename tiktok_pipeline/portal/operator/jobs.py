"""Captures on demand and what failed: what became of them, another try, and marking them as seen to."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from tiktok_pipeline.capture.dead_letters import causes
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.on_demand.failures import Which, failures, mark_seen, to_retry
from tiktok_pipeline.on_demand.jobs import Asker, again, ask, find, jobs, outcomes, resolve
from tiktok_pipeline.portal.context import Context, PortalContext
from tiktok_pipeline.portal.pages import page

OPERATOR = "operator"
MOST_JOBS, MOST_FAILURES = 50, 50
NO_LIMIT = 2**31 - 1  # the operator answers for the quota
DONE = {
    "again": "It waits for another run, which takes some seconds to begin.",
    "resolved": "Marked as resolved.",
    "retried": "They are tried again; the newest job is theirs.",
    "seen": "Marked as seen to. They are listed again if they fail once more.",
}

router = APIRouter()
Cause = Annotated[str, Form(max_length=100)]


@router.get("/jobs")
def jobs_page(request: Request, context: Context, done: str = "") -> Response:
    """The latest captures on demand, and what is failed now."""
    return _jobs_page(request, context, done=DONE.get(done))


@router.get("/jobs/{job_id}")
def one_job(request: Request, context: Context, job_id: uuid.UUID) -> Response:
    """A job and the outcome of each of its accounts."""
    job = find(context.warehouse, job_id)
    if job is None:
        raise HTTPException(404)
    rows = outcomes(context.warehouse, job_id)
    log = job.log_address(context.settings.dagster_url)
    return page(request, "operator/job.html", job=job, outcomes=rows, log=log)


@router.post("/jobs/{job_id}/again")
def run_again(request: Request, context: Context, job_id: uuid.UUID) -> Response:
    """Let another run see to the job."""
    if again(context.warehouse, context.settings.reporting_timezone, job_id) is None:
        problem = (
            "Not run again: the job is under way, or its day has passed, and only today can be captured."
        )
        return _jobs_page(request, context, 400, problem=problem)
    return RedirectResponse("/jobs?done=again", 303)


@router.post("/jobs/{job_id}/resolve")
def mark_as_resolved(request: Request, context: Context, job_id: uuid.UUID) -> Response:
    """Mark the job as one that nothing more is to be done about."""
    if resolve(context.warehouse, job_id, OPERATOR) is None:
        return _jobs_page(request, context, 400, problem="Not marked: the job is under way.")
    return RedirectResponse("/jobs?done=resolved", 303)


@router.post("/failed/retry")
def retry(request: Request, context: Context, cause: Cause = "") -> Response:
    """Capture again what failed today for a cause."""
    wanted = to_retry(context.warehouse, Which(cause))
    if wanted is None:
        problem = (
            "Nothing of it can be tried again today: its day has passed, or a person must reconnect it first."
        )
        return _jobs_page(request, context, 400, problem=problem)
    asker = Asker(OPERATOR, "operator", request.state.request_id)
    try:
        ask(context.warehouse, context.settings.reporting_timezone, wanted, asker, NO_LIMIT)
    except PipelineError as refused:
        return _jobs_page(request, context, 400, problem=str(refused))
    return RedirectResponse("/jobs?done=retried", 303)


@router.post("/failed/seen")
def seen(context: Context, cause: Cause = "") -> Response:
    """Mark what failed for a cause as seen to."""
    mark_seen(context.warehouse, Which(cause), OPERATOR)
    return RedirectResponse("/jobs?done=seen", 303)


def _jobs_page(
    request: Request,
    context: PortalContext,
    status: int = 200,
    done: str | None = None,
    problem: str | None = None,
) -> Response:
    warehouse = context.warehouse
    found = jobs(warehouse, limit=MOST_JOBS)
    return page(
        request,
        "operator/jobs.html",
        status,
        jobs=[(job, job.log_address(context.settings.dagster_url)) for job in found],
        causes=causes(warehouse),
        failures=failures(warehouse, Which(), limit=MOST_FAILURES),
        done=done,
        problem=problem,
    )
