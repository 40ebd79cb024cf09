"""What videos gained from one observation to the next."""

import dagster as dg

from tiktok_pipeline.defs.partitions import WHOLE_RANGE, days
from tiktok_pipeline.defs.reporting.asset import from_table, report, same
from tiktok_pipeline.defs.resources import WarehouseResource

TAKEN_OVER = same(
    "store_code",
    "account_id",
    "video_id",
    "snapshot_date",
    "create_time",
    "view_count",
    "like_count",
    "comment_count",
    "share_count",
    "observed_at",
    "source",
    "late",
)
COMPARED = {
    "age_days": ["snapshot_date", "create_time"],
    "engagement_rate": ["like_count", "comment_count", "share_count", "view_count"],
    "previous_date": ["snapshot_date"],
    "span_days": ["snapshot_date"],
    "view_delta": ["view_count"],
    "like_delta": ["like_count"],
    "comment_delta": ["comment_count"],
    "share_delta": ["share_count"],
}
LINEAGE = from_table("snapshots.tiktok_video_daily", TAKEN_OVER | COMPARED)


@dg.asset(
    key_prefix="reporting",
    group_name="reporting",
    partitions_def=days,
    backfill_policy=WHOLE_RANGE,
    deps=[dg.AssetKey(["snapshots", "tiktok_video_daily"])],
    kinds={"sql", "postgres"},
    owners=["team:data"],
)
def video_daily(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """One row per public video and day: its counters, and what they gained since the observation before.

    The first observation is a baseline without deltas; a delta across a gap says how many days it spans.
    """
    return report(context, "reporting.video_daily", "video_list", warehouse, LINEAGE)
