"""The run of a job: its accounts are captured, then what is derived of today."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from tiktok_pipeline.capture.account import AccountRequests
from tiktok_pipeline.capture.dead_letters import dead_letters, release
from tiktok_pipeline.capture.ledger import Ledger
from tiktok_pipeline.capture.loop import CaptureLoop
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.history.rebuild import derived_tables
from tiktok_pipeline.on_demand.jobs import Job, State, job_of
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive

MOST_OPEN = 100  # that one look sees
LONGEST_ERROR = 500


class DayHasPassed(PipelineError):
    """The job was asked for on another day, and only today can be captured."""


@dataclass(frozen=True)
class OpenJob:
    """A job that is not over; `run_id` is the run that took it up last."""

    id: uuid.UUID
    round: int
    state: State
    run_id: str | None
    asked_by: str


def open_jobs(warehouse: Warehouse) -> list[OpenJob]:
    """Jobs that wait for a run or are in one's hands, the oldest first."""
    return [OpenJob(**row) for row in warehouse.execute("on_demand/open", {"most": MOST_OPEN})]


def begin(warehouse: Warehouse, job_id: uuid.UUID, run_id: str) -> Job | None:
    """The job, in the hands of this run; None when it is over."""
    rows = warehouse.execute("on_demand/begin", {"id": job_id, "run_id": run_id})
    return job_of(rows[0]) if rows else None


def end(warehouse: Warehouse, job_id: uuid.UUID, run_id: str | None, error: str | None = None) -> bool:
    """Whether the job is over now, with this error or without; not when another run has it."""
    values = {"id": job_id, "run_id": run_id, "error": error[:LONGEST_ERROR] if error else None}
    return bool(warehouse.execute("on_demand/end", values))


def capture_job(
    warehouse: Warehouse,
    requests: AccountRequests,
    job: Job,
    *,
    zone: str,
    grace: dt.timedelta,
    workers: int,
    run_id: str,
) -> None:
    """Capture the job's accounts today and derive today's tables. Raises DayHasPassed.

    What other runs hold of these accounts is waited for. An account's failure is its own, and in the ledger.
    """
    for endpoint in job.endpoints:
        ledger = Ledger(warehouse, endpoint, zone, grace, run_id, accounts=job.account_ids)
        today = ledger.today()
        if today != job.day:
            raise DayHasPassed(
                f"job {job.id}: it was for {job.day}, and only today ({today}) can be captured."
            )
        ledger.ensure_partitions(today, today)
        if job.release:
            for account in job.account_ids:
                release(warehouse, dead_letters(warehouse, account_id=account))
        ledger.plan(today)
        if job.since is not None:
            ledger.plan_afresh(today, before=job.since)
        CaptureLoop(ledger, requests, workers).finish(today)
    for table in derived_tables(warehouse):
        derive(warehouse, table, job.day, job.day)
