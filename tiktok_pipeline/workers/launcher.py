"""Dagster's run launcher for workers: named in dagster.celery.yaml, used by daemon and webserver.

Celery cannot tell a run that takes long from one whose machine is gone: either is "started". Here PostgreSQL tells:
the process of a run holds a lock there, and a run that is started and holds none is dead. Run monitoring then fails it
within its next poll, and run retries launch it anew.
"""

from __future__ import annotations

import os

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster_celery.launcher import CeleryRunLauncher

from tiktok_pipeline.runtime.dagster_storage import dagster_storage


class WorkerLauncher(CeleryRunLauncher):
    """Celery's launcher, which asks PostgreSQL whether the process of a run lives."""

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """RUNNING while the run's lock is held; SUCCESS when the run has ended meanwhile; else FAILED."""
        with dagster_storage(os.environ["DAGSTER_POSTGRES_URL"], "DAGSTER_POSTGRES_URL") as storage:
            if storage.is_held(run.run_id):
                return CheckRunHealthResult(WorkerStatus.RUNNING)
        now = self._instance.get_run_by_id(run.run_id)
        if now is None or now.is_finished:
            return CheckRunHealthResult(WorkerStatus.SUCCESS)
        return CheckRunHealthResult(WorkerStatus.FAILED, "its worker is gone")

    def get_run_worker_debug_info(
        self, run: dg.DagsterRun, include_container_logs: bool | None = True
    ) -> str | None:
        """Nothing: what is known stands in the run's own log."""
        return None
