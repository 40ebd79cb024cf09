"""Videos that come onto a list, and videos that vanish from it."""

import dagster as dg

from tiktok_pipeline.defs.partitions import WHOLE_RANGE, days, settings
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.defs.retries import retry_when_transient
from tiktok_pipeline.defs.snapshots.asset import snapshot


@dg.asset(
    key_prefix="snapshots",
    group_name="snapshots",
    partitions_def=days,
    backfill_policy=WHOLE_RANGE,
    deps=[
        dg.AssetKey(["snapshots", "tiktok_video_daily"]),
        dg.AssetKey(["snapshots", "account_day_verdict"]),
    ],
    kinds={"sql", "postgres"},
    owners=["team:data"],
)
def video_change(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """One row per video and day on which it came onto its account's list, or was not on it any more.

    The view `snapshots.video_presence` tells from it, the verdicts and TikTok's answers to `video/query` which video
    is present, missing, gone or back.
    """
    with retry_when_transient(), warehouse.opened() as opened:
        opened.execute("presence/set_gone_after", {"captures": settings.video_gone_after})
    return snapshot(context, "snapshots.video_change", "video_list", warehouse)
