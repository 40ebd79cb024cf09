"""Dagster's own scheduler, which dies at a step of a tick, and the restarted one, whose runs are then executed.

The ticks are those of 02:00 or 02:30 of today, whatever the time is: the scheduler is told until when it is to look.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import make_url

from tiktok_pipeline.project_files import project_file
from tiktok_pipeline.sandbox.settings import SandboxSettings
from tiktok_pipeline.warehouse.connection import psycopg2_url
from tiktok_pipeline_tests.faults.kills import KILLED
from tiktok_pipeline_tests.faults.worker import forked

if TYPE_CHECKING:
    from tiktok_pipeline_tests.faults.world import World

STEPS = ("TICK_CREATED", "TICK_HELD", "RUN_CREATED", "RUN_LAUNCHED", "RUN_ADDED", "TICK_SUCCESS")
TIMES = {"daily_at_two": dt.time(2, 0), "catch_up": dt.time(2, 30)}
MINUTE = dt.timedelta(minutes=1)
RUNS_END_WITHIN = 180  # seconds
ENDED = ("SUCCESS", "FAILURE", "CANCELED")


def killed_in_a_tick(schedule: str) -> Callable[[World], int]:
    """Kill the scheduler at a step of this schedule's tick; it is started again, and its runs are executed."""

    def inject(world: World) -> int:
        pages = world.planned_pages()
        tick = dt.datetime.combine(dt.datetime.now(dt.UTC).date(), TIMES[schedule], dt.UTC)
        step = world.choose(*STEPS)
        code = _scheduler(world, tick, dies={schedule: {step: signal.SIGKILL}})
        world.expect(code == KILLED, f"the scheduler to die at {step}, it ended with {code}")
        again = _scheduler(world, tick, execute=True)
        world.expect(again == 0, f"the restarted scheduler to do its work, it ended with {again}")
        _nothing_lost(world, schedule, tick, step)
        asked = world.asked()
        world.expect(asked == pages, f"{pages} requests, {asked} were sent")
        return 1

    return inject


def _nothing_lost(world: World, schedule: str, tick: dt.datetime, step: str) -> None:
    ticks = world.rows(
        "select status, tick_body::json ->> 'job_name' as schedule from dagster.job_ticks where timestamp = %s",
        tick.replace(tzinfo=None),
    )
    of_schedule = [row["status"] for row in ticks if row["schedule"] == schedule]
    world.expect(len(of_schedule) == 1, f"one tick of {schedule} at {tick:%H:%M}, there are {of_schedule}")
    open_ticks = [row for row in ticks if row["status"] not in ("SUCCESS", "SKIPPED")]
    world.expect(not open_ticks, f"every tick to come to an end after {step}, there are {open_ticks}")
    runs = world.rows(
        """
        select r.status
        from dagster.runs r
        join dagster.run_tags t using (run_id)
        where t.key = 'dagster/schedule_name' and t.value = %s
        """,
        schedule,
    )
    states = [row["status"] for row in runs]
    world.expect(states == ["SUCCESS"], f"one run of {schedule}, with success, after {step}; runs: {states}")


def _scheduler(world: World, tick: dt.datetime, **options: Any) -> int | None:
    process = forked(_schedule, str(world.log), str(world.folder), _environment(world), tick, options)
    process.join(RUNS_END_WITHIN + 60)
    with contextlib.suppress(ProcessLookupError):  # the code server of a scheduler that was killed lives on
        os.killpg(process.pid, signal.SIGKILL)
    code: int | None = process.exitcode
    return code


def _environment(world: World) -> dict[str, str]:
    """What the scheduler and the runs it starts read: this world's database, sandbox and keys."""
    home = world.folder / "dagster"
    if not home.exists():
        home.mkdir()
        (home / "dagster.yaml").write_bytes(project_file("dagster.yaml").read_bytes())
        world.rows("create schema dagster")
    app = SandboxSettings()
    in_schema = make_url(world.url).update_query_dict({"options": "-csearch_path=dagster"})
    return {
        "DAGSTER_HOME": str(home),
        "DAGSTER_POSTGRES_URL": psycopg2_url(in_schema.render_as_string(hide_password=False)),
        "DATABASE_URL": world.url,
        "ENVIRONMENT": "test",  # tokens are sealed for one environment
        "DATA_DIR": str(world.folder),
        "ENCRYPTION_KEYS_FILE": str(world.keys_file),
        "TIKTOK_API_BASE_URL": world.sandbox.base_url,
        "TIKTOK_CLIENT_KEY": app.client_key,
        "TIKTOK_CLIENT_SECRET": app.client_secret,
        "REPORTING_TIMEZONE": world.zone,
        "START_DATE": str(dt.datetime.now(dt.UTC).date() - dt.timedelta(days=2)),
    }


def _schedule(
    log: str, folder: str, environment: dict[str, str], tick: dt.datetime, options: dict[str, Any]
) -> None:
    os.setsid()  # so that whatever it starts can be ended with it
    with Path(log).open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stderr = os.fdopen(2, "w", buffering=1)
    os.environ.update(environment)
    os.chdir(folder)
    import dagster as dg
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import ModuleTarget
    from dagster._daemon.controller import create_daemon_grpc_server_registry
    from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
    from dagster._scheduler.scheduler import launch_scheduled_runs

    target = ModuleTarget("tiktok_pipeline.definitions", None, None, "tiktok_pipeline")
    with (
        dg.DagsterInstance.get() as instance,
        create_daemon_grpc_server_registry(instance) as servers,
        WorkspaceProcessContext(instance, target, grpc_server_registry=servers) as workspace,
    ):
        logger = logging.getLogger("scheduler")
        for until in (tick - MINUTE, tick + MINUTE):  # the first time it only gets to know the schedules
            errors = launch_scheduled_runs(
                workspace, logger, until, {}, debug_crash_flags=options.get("dies")
            )
            if any(errors):
                raise RuntimeError("a tick failed: see the log")
        if not options.get("execute"):
            return
        deadline = time.monotonic() + RUNS_END_WITHIN
        with QueuedRunCoordinatorDaemon(interval_seconds=1) as queue:
            while any(run.status.value not in ENDED for run in instance.get_runs()):
                if time.monotonic() > deadline:
                    return  # what is not over is looked for in the tables
                list(queue.run_iteration(workspace))
                time.sleep(0.2)
