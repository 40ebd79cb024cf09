"""What accounts gained from one observation to the next."""

import dagster as dg

from tiktok_pipeline.defs.partitions import WHOLE_RANGE, days
from tiktok_pipeline.defs.reporting.asset import from_table, report, same
from tiktok_pipeline.defs.resources import WarehouseResource

TAKEN_OVER = same(
    "store_code",
    "account_id",
    "open_id",
    "snapshot_date",
    "follower_count",
    "following_count",
    "likes_count",
    "video_count",
    "observed_at",
    "source",
    "late",
)
COMPARED = {
    "previous_date": ["snapshot_date"],
    "span_days": ["snapshot_date"],
    "follower_delta": ["follower_count"],
    "following_delta": ["following_count"],
    "likes_delta": ["likes_count"],
    "video_delta": ["video_count"],
}
LINEAGE = from_table("snapshots.tiktok_user_daily", TAKEN_OVER | COMPARED)


@dg.asset(
    key_prefix="reporting",
    group_name="reporting",
    partitions_def=days,
    backfill_policy=WHOLE_RANGE,
    deps=[dg.AssetKey(["snapshots", "tiktok_user_daily"])],
    kinds={"sql", "postgres"},
    owners=["team:data"],
)
def account_daily(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """One row per account and day with a profile: its counters, and what they gained since the observation before.

    The first observation is a baseline without deltas; a delta across a gap says how many days it spans.
    """
    return report(context, "reporting.account_daily", "user_info", warehouse, LINEAGE)
