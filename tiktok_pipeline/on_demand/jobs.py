"""Jobs: captures of some accounts today, that somebody asked for and waits for.

A job is a row; the sensor `on_demand` starts a run for it. Whoever wants what a job sees to already gets that job, and
what was captured today is not captured again, unless `since` says that it is too old.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from tiktok_pipeline.capture.ledger import Endpoint
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.warehouse.connection import Warehouse, run

Module = Literal["user_info", "video_list", "all"]
Origin = Literal["read", "service", "operator"]
State = Literal["waiting", "running", "done", "failed"]
ENDPOINTS: tuple[Endpoint, ...] = get_args(Endpoint)
REST_SECONDS = 300  # old data that is read again after a job asks for no other one so soon


class NothingToCapture(PipelineError):
    """No account among those asked for is in service."""


class AskedOtherwise(PipelineError):
    """The caller has asked for something else under the same idempotency key."""


class TooCostly(PipelineError):
    """The caller's jobs of an hour would take more requests than it may cause; again in `seconds`."""

    def __init__(self, cost: int, most: int, seconds: int) -> None:
        super().__init__(
            f"this takes {cost} requests to TikTok, and with those of the last hour they are more than {most}."
        )
        self.seconds = max(1, seconds)


@dataclass(frozen=True)
class Wanted:
    """What is asked for: a store or accounts, and which part of them. `since` is an aware instant: see the module."""

    module: Module = "all"
    store: str | None = None
    accounts: tuple[int, ...] | None = None
    since: dt.datetime | None = None
    release: bool = False  # what failed for good is tried again, too


@dataclass(frozen=True)
class Asker:
    """Who asks: a service or operator, in which request, and its own name for what it asks."""

    name: str
    origin: Origin = "service"
    request_id: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Job:
    """A job, as its row says (`ops.sync_job`). Times are aware."""

    id: uuid.UUID
    module: Module
    store_code: str | None
    account_ids: tuple[int, ...]
    day: dt.date
    since: dt.datetime | None
    release: bool
    origin: Origin
    asked_by: str
    request_id: str | None
    idempotency_key: str | None
    cost: int
    asked_at: dt.datetime
    round: int
    state: State
    attempts: int
    run_id: str | None
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    error: str | None
    resolved_at: dt.datetime | None
    resolved_by: str | None

    @property
    def is_over(self) -> bool:
        """Whether no run works on it or will."""
        return self.state in ("done", "failed")

    def log_address(self, dagster: str | None) -> str | None:
        """Where the logs of its run are, in the Dagster UI at `dagster`."""
        return f"{dagster.rstrip('/')}/runs/{self.run_id}" if dagster and self.run_id else None

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """What of its accounts it captures."""
        return ENDPOINTS if self.module == "all" else (self.module,)


def ask(warehouse: Warehouse, zone: str, wanted: Wanted, asker: Asker, most_cost: int) -> Job:
    """The job that sees to what is wanted: a new one, one that is under way, or the one asked for under the same key.

    `zone` is the reporting time zone, `most_cost` how many requests to TikTok the asker may cause in an hour. Raises
    NothingToCapture, TooCostly and AskedOtherwise; nothing is changed then.
    """
    values: dict[str, Any] = {
        "module": wanted.module,
        "store": wanted.store,
        "accounts": None if wanted.accounts is None else list(wanted.accounts),
        "endpoints": list(ENDPOINTS if wanted.module == "all" else (wanted.module,)),
        "since": wanted.since,
        "release": wanted.release,
        "zone": zone,
        "origin": asker.origin,
        "asked_by": asker.name,
        "request_id": asker.request_id,
        "idempotency_key": asker.idempotency_key,
        "rest_seconds": REST_SECONDS,
    }
    with warehouse.transaction() as cursor:
        run(cursor, "on_demand/hold")
        if asker.idempotency_key is not None:
            for row in run(cursor, "on_demand/of_key", values):
                return _same_as(wanted, job_of(row))
        found = run(cursor, "on_demand/accounts", values)
        if not found:
            raise NothingToCapture("no account of these is connected: there is nothing to capture.")
        values["account_ids"] = [row["account_id"] for row in found]
        values["cost"] = sum(row["cost"] for row in found)
        if asker.idempotency_key is None:
            for row in run(cursor, "on_demand/same", values):
                return job_of(row)
        [spent] = run(cursor, "on_demand/spent", values)
        if values["cost"] and spent["cost"] + values["cost"] > most_cost:
            raise TooCostly(values["cost"], most_cost, spent["seconds"])
        [row] = run(cursor, "on_demand/add", values)
        return job_of(row)


def find(warehouse: Warehouse, job_id: uuid.UUID) -> Job | None:
    """The job of this id; None when there is none."""
    rows = warehouse.execute("on_demand/find", {"id": job_id})
    return job_of(rows[0]) if rows else None


def jobs(
    warehouse: Warehouse,
    *,
    asked_by: str | None = None,
    state: State | None = None,
    unresolved: bool = False,
    after: Job | tuple[dt.datetime, uuid.UUID] | None = None,
    limit: int = 100,
) -> list[Job]:
    """At most `limit` jobs, the latest first, those after `after`."""
    place = (after.asked_at, after.id) if isinstance(after, Job) else after
    values = {
        "asked_by": asked_by,
        "state": state,
        "unresolved": unresolved,
        "after_at": place[0] if place else None,
        "after_id": place[1] if place else None,
        "limit": limit,
    }
    return [job_of(row) for row in warehouse.execute("on_demand/list", values)]


def outcomes(warehouse: Warehouse, job_id: uuid.UUID) -> list[dict[str, Any]]:
    """What has become of each account-day of a job, by the ledger, a row each; at most 1,000."""
    return warehouse.execute("on_demand/outcomes", {"id": job_id})


def again(warehouse: Warehouse, zone: str, job_id: uuid.UUID) -> Job | None:
    """The job, waiting for another run; None when it is not over, or its day is."""
    rows = warehouse.execute("on_demand/again", {"id": job_id, "zone": zone})
    return job_of(rows[0]) if rows else None


def resolve(warehouse: Warehouse, job_id: uuid.UUID, by: str) -> Job | None:
    """The job, marked as one that nothing more is to be done about; None when it is not over."""
    rows = warehouse.execute("on_demand/resolve", {"id": job_id, "by": by})
    return job_of(rows[0]) if rows else None


def stale_accounts(
    warehouse: Warehouse, zone: str, hours: int, *, store: str | None = None, account: int | None = None
) -> Sequence[int]:
    """Accounts of a store, or the account, whose latest data is older than so many hours and could be captured now."""
    values = {"zone": zone, "hours": hours, "store": store, "account": account}
    return [row["account_id"] for row in warehouse.execute("on_demand/stale", values)]


def job_of(row: dict[str, Any]) -> Job:
    """The job of a row of `ops.sync_job`."""
    return Job(**{**row, "account_ids": tuple(row["account_ids"])})


def _same_as(wanted: Wanted, job: Job) -> Job:
    asked = (wanted.module, wanted.store, wanted.since)
    of_accounts = wanted.accounts is None or set(wanted.accounts) == set(job.account_ids)
    if asked != (job.module, job.store_code, job.since) or not of_accounts:
        raise AskedOtherwise(
            f"this idempotency key belongs to job {job.id}, which was asked for with other values."
        )
    return job
