"""Whether each list of videos is proven complete."""

import dagster as dg

from tiktok_pipeline.defs.partitions import WHOLE_RANGE, days
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.defs.snapshots.asset import snapshot


@dg.asset(
    key_prefix="snapshots",
    group_name="snapshots",
    partitions_def=days,
    backfill_policy=WHOLE_RANGE,
    # The list's rows come first: what follows from a verdict reads them.
    deps=[
        dg.AssetKey(["capture", "user_info"]),
        dg.AssetKey(["capture", "video_list"]),
        dg.AssetKey(["snapshots", "tiktok_video_daily"]),
    ],
    kinds={"sql", "postgres"},
    owners=["team:data"],
)
def account_day_verdict(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource
) -> dg.MaterializeResult:
    """One row per account and day with a list of videos: COMPLETE, TRUNCATED or UNSTABLE, and why.

    The rows of the day exist in each case. IMPORTED lists were never seen here page by page, so nobody can tell.
    """
    return snapshot(context, "snapshots.account_day_verdict", "video_list", warehouse)
