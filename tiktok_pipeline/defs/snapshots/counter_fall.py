"""Counters that fall."""

import dagster as dg

from tiktok_pipeline.defs.partitions import WHOLE_RANGE, days
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.defs.snapshots.asset import snapshot


@dg.asset(
    key_prefix="snapshots",
    group_name="snapshots",
    partitions_def=days,
    backfill_policy=WHOLE_RANGE,
    deps=[
        dg.AssetKey(["snapshots", "tiktok_user_daily"]),
        dg.AssetKey(["snapshots", "tiktok_video_daily"]),
        dg.AssetKey(["snapshots", "account_day_verdict"]),
    ],
    kinds={"sql", "postgres"},
    owners=["team:data"],
)
def counter_fall(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """One row per counter and day on which it is lower than in the observation before; nothing is corrected.

    The view `reporting.counter_falls` says what kind of fall each is: of a vanishing video, the provider's fault, a
    purge across many accounts, or plain.
    """
    return snapshot(context, "snapshots.counter_fall", "video_list", warehouse)
