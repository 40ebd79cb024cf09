"""A day's work in a process of its own, to be killed, stopped and told to end.

Forked from a server that has imported everything, so that starting one takes a moment.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tiktok_pipeline.capture.ledger import Endpoint, patiently
from tiktok_pipeline.crash_points import VARIABLE
from tiktok_pipeline.history.rebuild import derived_tables
from tiktok_pipeline.sandbox.settings import SandboxSettings
from tiktok_pipeline.tiktok.client import TikTokClient
from tiktok_pipeline.tiktok.quota import Quota
from tiktok_pipeline.warehouse.connection import AWAY, Warehouse
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_tests.capturing import Pipeline

LIMIT, WINDOW_SECONDS = 180, 6.0  # three times TikTok's pace, in a tenth of its window: cases wait less
LEASE = dt.timedelta(seconds=1)
ENDPOINTS: tuple[Endpoint, ...] = ("user_info", "video_list")
RUN_TRIES = 4  # a step of the daily job, with its retries
DAY = dt.timedelta(days=1)

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])


def open_pipeline(
    database_url: str,
    base_url: str,
    keys_file: Path,
    zone: str = "UTC",
    *,
    timeout_seconds: float = 10.0,
    limit: int = LIMIT,
) -> Pipeline:
    """A pipeline as a run has it, which asks TikTok twice and no more."""
    app = SandboxSettings()
    sandbox: Any = SimpleNamespace(
        base_url=base_url, client_key=app.client_key, client_secret=app.client_secret
    )
    pipeline = Pipeline(Warehouse(database_url), cast(Any, sandbox), keys_file, zone=zone)
    pipeline.client = TikTokClient(
        base_url,
        app.client_key,
        Quota(pipeline.warehouse, app.client_key, limit, window_seconds=WINDOW_SECONDS),
        timeout_seconds=timeout_seconds,
        max_attempts=2,
    )
    return pipeline


def one_day(pipeline: Pipeline, *, workers: int = 2, force: bool = False) -> int:
    """What the daily job does: capture both endpoints, derive every table; how many derived rows changed.

    A step that meets a database that is away is tried again, as Dagster does.
    """
    for attempt in range(1, RUN_TRIES + 1):
        try:
            for endpoint in ENDPOINTS:
                pipeline.capture(endpoint, workers=workers, lease=LEASE, force=force)
            return derive_lately(pipeline)
        except AWAY:
            if attempt == RUN_TRIES:
                raise
            time.sleep(0.5)
    raise AssertionError


def derive_lately(pipeline: Pipeline) -> int:
    """Derive every table for today and the day before; how many rows changed."""
    book = pipeline.ledger()
    today = book.today()
    book.ensure_partitions(today - DAY, today)
    return sum(
        patiently(lambda table=table: derive(pipeline.warehouse, table, today - DAY, today))  # type: ignore[misc]
        for table in derived_tables(pipeline.warehouse)
    )


def forked(target: Callable[..., None], *arguments: Any) -> Any:
    """A process that does this and has begun."""
    process = _context.Process(target=target, args=arguments, daemon=True)
    process.start()
    return process


class Worker:
    """A process that does a day's work. Its standard error goes to the end of `log`.

    `crash_at` names the crash point at which it kills itself; `skew` shifts its own clock by so many seconds;
    `broken` names a mutant of `mutants.py`; `repeat` lets it begin the day again and again until it is killed.
    """

    def __init__(self, log: Path, **options: Any) -> None:
        self.process = forked(_work, str(log), options)

    @property
    def pid(self) -> int:
        pid: int = self.process.pid
        return pid

    @property
    def alive(self) -> bool:
        return bool(self.process.is_alive())

    def wait(self, seconds: float = 150) -> int | None:
        """Its exit code, negative when a signal ended it; None when it is still at work."""
        self.process.join(seconds)
        code: int | None = self.process.exitcode
        return code

    def kill(self) -> int | None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        return self.wait(30)

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


def _work(log: str, options: dict[str, Any]) -> None:
    with Path(log).open("ab") as file:
        os.dup2(file.fileno(), 2)
    sys.stderr = os.fdopen(2, "w", buffering=1)
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if options.get("skew"):
        _shift_clock(options["skew"])
    if options.get("crash_at"):
        os.environ[VARIABLE] = options["crash_at"]
    if options.get("broken"):
        importlib.import_module("tiktok_pipeline_tests.faults.mutants").break_here(options["broken"])
    pipeline = open_pipeline(
        options["database_url"],
        options["base_url"],
        Path(options["keys_file"]),
        options["zone"],
        limit=options.get("limit", LIMIT),
    )
    one_day(pipeline, workers=options.get("workers", 2))
    while options.get("repeat"):
        time.sleep(0.2)
        one_day(pipeline, workers=options.get("workers", 2))


def _shift_clock(seconds: float) -> None:
    real_time, real_datetime = time.time, dt.datetime

    class Shifted(real_datetime):  # type: ignore[valid-type, misc]
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return real_datetime.now(tz) + dt.timedelta(seconds=seconds)

    time.time = lambda: real_time() + seconds
    dt.datetime = Shifted  # type: ignore[misc]
