"""Videos that go viral."""

import dagster as dg

from tiktok_pipeline.defs.partitions import WHOLE_RANGE, days
from tiktok_pipeline.defs.reporting.asset import from_table, report, same
from tiktok_pipeline.defs.resources import WarehouseResource

TAKEN_OVER = same("store_code", "account_id", "video_id", "snapshot_date", "age_days", "view_count")
GAINS = ["view_delta", "span_days", "view_count", "age_days", "create_time", "observed_at"]
COMPARED = dict.fromkeys(("level", "gained", "expected", "ratio"), GAINS) | {
    "compared_videos": ["video_id", "age_days"]
}
LINEAGE = from_table("reporting.video_daily", TAKEN_OVER | COMPARED)


@dg.asset(
    key_prefix="reporting",
    group_name="reporting",
    partitions_def=days,
    backfill_policy=WHOLE_RANGE,
    deps=[dg.AssetKey(["reporting", "video_daily"])],
    kinds={"sql", "postgres"},
    owners=["team:data"],
)
def viral_videos(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """One row per video and day on which it gained far more views than its account's videos do at its age.

    And far more than it did itself in the week before. Each is told once at each level.
    """
    return report(context, "reporting.viral_videos", "video_list", warehouse, LINEAGE)
