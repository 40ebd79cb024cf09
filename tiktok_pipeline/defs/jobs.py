"""The daily job: capture, snapshots, reports and their checks, for one date or a range of them."""

import datetime as dt
from collections.abc import Iterator, Mapping

import dagster as dg

daily = dg.define_asset_job(
    "daily",
    selection=dg.AssetSelection.groups("capture", "snapshots", "reporting"),
    description="Capture today, derive its snapshots and reports, check that it is complete.",
    tags={"dagster/priority": "10"},  # before any backfill in the queue
)

CAPTURES = {dg.AssetKey(["capture", endpoint]) for endpoint in ("user_info", "video_list")}
# A run is not started only for the moment between its creation and the queue. Who dies within it leaves it so for
# ever, and only the tick that made it puts it into the queue: it must not be kept from doing so.
IN_WORK = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def dates_in_work(instance: dg.DagsterInstance) -> set[dt.date]:
    """The dates that a run which captures is queued or under way for: the daily job, or a backfill from the UI."""
    runs = instance.get_runs(dg.RunsFilter(statuses=IN_WORK))
    return {date for run in runs if _captures(run) for date in _dates_of(run.tags)}


def _captures(run: dg.DagsterRun) -> bool:
    selected = run.asset_selection or ()  # nothing: all assets of the job
    return run.job_name == daily.name if not selected else not CAPTURES.isdisjoint(selected)


def _dates_of(tags: Mapping[str, str]) -> Iterator[dt.date]:
    """The dates of a run, by its tags: one, or a range."""
    first = tags.get("dagster/asset_partition_range_start") or tags.get("dagster/partition")
    last = tags.get("dagster/asset_partition_range_end") or first
    if first and last:
        start, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
        yield from (start + dt.timedelta(days=n) for n in range((end - start).days + 1))
