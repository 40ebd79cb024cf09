"""Tells operators of runs that fail, and that the same work succeeded later.

Dagster's own run-failure sensor counts a run as seen when telling of it failed, e.g. while the database is away. Here
the cursor moves only after the messages are written; a run that is looked at twice is told of once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import dagster as dg
from dagster import DagsterEventType
from dagster_shared.error import SerializableErrorInfo

from tiktok_pipeline.alerts.runs import Run, tell_of_failure, tell_of_success
from tiktok_pipeline.defs.resources import WarehouseResource

MOST_RUNS = 1000  # of one tick
LOOK_BACK = dt.timedelta(days=1)  # at the first tick
OVERLAP = dt.timedelta(seconds=5)  # runs that ended at once may be noted in another order
ENDED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS]
FAILURES = {DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE}


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tell operators of runs that fail, with the cause, and when the same work succeeds.",
)
def run_failures(context: dg.SensorEvaluationContext, warehouse: WarehouseResource) -> dg.SensorResult:
    """Look at the runs that ended since the last tick, oldest first."""
    records = _ended_after(context.instance, _seen(context.cursor))
    told = 0
    with warehouse.opened() as opened:
        for record in records:
            if record.dagster_run.status == dg.DagsterRunStatus.SUCCESS:
                told += tell_of_success(opened, _run(record))
            else:
                told += tell_of_failure(opened, _failed_run(context.instance, record))
    seen = records[-1].update_timestamp.isoformat() if records else context.cursor
    return dg.SensorResult(skip_reason=f"{len(records)} runs looked at, {told} messages", cursor=seen)


def _seen(cursor: str | None) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(cursor or "") - OVERLAP
    except ValueError:  # the first tick, or a cursor that was typed
        return dt.datetime.now(dt.UTC) - LOOK_BACK


def _ended_after(instance: dg.DagsterInstance, after: dt.datetime) -> Sequence[dg.RunRecord]:
    return instance.get_run_records(
        dg.RunsFilter(statuses=ENDED, updated_after=after),
        limit=MOST_RUNS,
        order_by="update_timestamp",
        ascending=True,
    )


def _run(record: dg.RunRecord) -> Run:
    ended = record.update_timestamp
    ended = ended if ended.tzinfo else ended.replace(tzinfo=dt.UTC)
    return Run(record.dagster_run.run_id, _work(record.dagster_run), ended, {})


def _failed_run(instance: dg.DagsterInstance, record: dg.RunRecord) -> Run:
    causes: dict[str, str] = {}
    why = ""
    for entry in instance.all_logs(record.dagster_run.run_id, of_type=FAILURES):
        event = entry.dagster_event
        if event is None:
            continue
        if event.is_step_failure and event.step_key:
            causes[event.step_key] = _innermost(event.step_failure_data.error) or event.message or ""
        elif event.event_type == DagsterEventType.RUN_FAILURE:
            why = event.message or why
    run = _run(record)
    return Run(run.id, run.work, run.ended_at, causes, why)


def _innermost(error: SerializableErrorInfo | None) -> str:
    """The words of what was raised first, without the names of modules."""
    while error is not None and error.cause is not None:
        error = error.cause
    if error is None:
        return ""
    message: str = error.message
    name, _, words = message.partition(": ")
    return words.strip() if words and " " not in name else message


def _work(run: dg.DagsterRun) -> str:
    """What a run is of: job or assets, and dates. A run that tries again is of the same."""
    assets = sorted(key.to_user_string() for key in run.asset_selection or ())
    name = ", ".join(assets) if run.job_name.startswith("__") and assets else run.job_name
    first = run.tags.get("dagster/asset_partition_range_start") or run.tags.get("dagster/partition")
    last = run.tags.get("dagster/asset_partition_range_end") or first
    dates = "" if not first else f" for {first}" if first == last else f" for {first} to {last}"
    return name + dates
