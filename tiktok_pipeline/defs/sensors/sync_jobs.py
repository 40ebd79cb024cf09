"""Starts a run for each capture that somebody asked for, and ends what a run left behind that broke off.

Which jobs wait is in the database. A tick that is repeated asks for a run with the same key, which is launched once.
"""

from __future__ import annotations

import dagster as dg

from tiktok_pipeline.defs.on_demand import on_demand
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.on_demand import running

WILL_RETRY = "dagster/will_retry"  # a crash is tried again by Dagster
BROKEN_OFF = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


@dg.sensor(
    job=on_demand,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Start a run for each capture on demand that waits.",
)
def sync_jobs(
    context: dg.SensorEvaluationContext, warehouse: WarehouseResource
) -> list[dg.RunRequest] | dg.SkipReason:
    """A run for each job that waits."""
    with warehouse.opened() as opened:
        for job in running.open_jobs(opened):
            if broken_off := _broken_off(context.instance, job):
                running.end(opened, job.id, job.run_id, f"run {broken_off} broke off")
        requests = [_run_of(job) for job in running.open_jobs(opened) if job.state == "waiting"]
    return requests or dg.SkipReason("no job waits")


def _run_of(job: running.OpenJob) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{job.id} {job.round}",
        run_config={"ops": {"capture_accounts": {"config": {"job_id": str(job.id)}}}},
        tags={**_tags_of(job), "tiktok_pipeline/asked_by": job.asked_by},
    )


def _tags_of(job: running.OpenJob) -> dict[str, str]:
    return {"tiktok_pipeline/sync_job": str(job.id), "tiktok_pipeline/round": str(job.round)}


def _broken_off(instance: dg.DagsterInstance, job: running.OpenJob) -> str | None:
    """The job's run that was killed or cancelled, or never came to it; None while one may still see to it."""
    latest = instance.get_runs(dg.RunsFilter(tags=_tags_of(job)), limit=1)
    if not latest or latest[0].status not in BROKEN_OFF or latest[0].tags.get(WILL_RETRY) == "true":
        return None
    return latest[0].run_id
