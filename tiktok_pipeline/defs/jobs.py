"""The daily job: capture, snapshots and their checks, for one date or a range of them."""

import datetime as dt

import dagster as dg

daily = dg.define_asset_job(
    "daily",
    selection=dg.AssetSelection.groups("capture", "snapshots"),
    description="Capture today, derive its snapshots, check that it is complete.",
    tags={"dagster/priority": "10"},  # before any backfill in the queue
)

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def dates_in_work(instance: dg.DagsterInstance) -> set[dt.date]:
    """The dates of which a run of the daily job is queued or under way."""
    runs = instance.get_runs(dg.RunsFilter(job_name=daily.name, statuses=UNFINISHED))
    keys = (run.tags.get("dagster/partition") for run in runs)
    return {dt.date.fromisoformat(key) for key in keys if key}
