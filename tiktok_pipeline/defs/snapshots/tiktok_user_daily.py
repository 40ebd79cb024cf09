"""Account counters by day."""

import dagster as dg

from tiktok_pipeline.defs.partitions import WHOLE_RANGE, days
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.defs.snapshots.asset import snapshot


@dg.asset(
    key_prefix="snapshots",
    group_name="snapshots",
    partitions_def=days,
    backfill_policy=WHOLE_RANGE,
    deps=[dg.AssetKey(["capture", "user_info"])],
    kinds={"sql", "postgres"},
    owners=["team:data"],
)
def tiktok_user_daily(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource
) -> dg.MaterializeResult:
    """One row per account and day: the profile and its counters, as captured or imported that day.

    A date that was never captured has no row: a gap, not a copied number.
    """
    return snapshot(context, "snapshots.tiktok_user_daily", "user_info", warehouse)
