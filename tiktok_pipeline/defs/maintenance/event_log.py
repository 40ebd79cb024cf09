"""Dagster's event log grows for ever; what nobody needs a month later is pruned.

What is pruned are the event types that Dagster's guide names, of runs that have ended:
https://docs.dagster.io/deployment/troubleshooting/database-tuning. Materializations, observations, checks, the
beginnings and ends of runs and steps, and what was logged stay. What is known of Dagster's tables stands in
`sql/maintenance`, nowhere else.
"""

import dagster as dg

from tiktok_pipeline.defs.partitions import settings
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.defs.retries import retry_when_transient
from tiktok_pipeline.warehouse.connection import Warehouse

UNIMPORTANT = [
    "ASSET_MATERIALIZATION_PLANNED", "ENGINE_EVENT", "HANDLED_OUTPUT", "LOADED_INPUT", "PIPELINE_CANCELING",
    "PIPELINE_ENQUEUED", "PIPELINE_STARTING", "RESOURCE_INIT_FAILURE", "RESOURCE_INIT_STARTED",
    "RESOURCE_INIT_SUCCESS", "STEP_INPUT", "STEP_OUTPUT", "STEP_WORKER_STARTED", "STEP_WORKER_STARTING",
]  # fmt: skip
AT_ONCE = 10_000


class EventLogConfig(dg.Config):
    """How to prune."""

    dry_run: bool = True
    """Only count. The weekly schedule sets it to false."""


@dg.asset(key_prefix="maintenance", group_name="maintenance", kinds={"sql", "postgres"}, owners=["team:data"])
def event_log(
    context: dg.AssetExecutionContext, config: EventLogConfig, dagster_storage: WarehouseResource
) -> dg.MaterializeResult:
    """Dagster's event log without what nobody needs after EVENT_LOG_KEEP_DAYS.

    Materialized by hand it counts what would go; the weekly schedule prunes. Materializations, observations, checks,
    and the beginnings and ends of runs and steps are kept for ever.
    """
    days = settings.event_log_keep_days
    with retry_when_transient(), dagster_storage.opened() as opened:
        [before] = opened.execute("maintenance/event_log_size")
        found = opened.execute("maintenance/unimportant_events", {"types": UNIMPORTANT, "keep_days": days})
        pruned = 0 if config.dry_run else prune(opened, days)
        [after] = opened.execute("maintenance/event_log_size")
    count = sum(row["events"] for row in found)
    context.log.info(f"{count:,} events older than {days} days are of no use; {pruned:,} were pruned")
    return dg.MaterializeResult(
        metadata={
            "dry_run": config.dry_run,
            "keep_days": days,
            "unimportant_events": count,
            "unimportant_bytes": int(sum(row["bytes"] for row in found)),
            "by_type": {row["type"]: row["events"] for row in found},
            "pruned_events": pruned,
            "bytes_before": before["bytes"],
            # PostgreSQL gives the room to new events, not back to the disk.
            "bytes_after": after["bytes"],
        }
    )


def prune(storage: Warehouse, keep_days: int) -> int:
    """Delete the unimportant events older than `keep_days`, batch by batch; how many."""
    values = {"types": UNIMPORTANT, "keep_days": keep_days, "most": AT_ONCE}
    pruned = 0
    last: int | None = 0
    while last is not None:
        [batch] = storage.execute("maintenance/prune_events", {**values, "after": last})
        pruned += batch["events"]
        last = batch["last"]
    return pruned
