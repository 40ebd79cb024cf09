"""Pages of videos and their counters, as TikTok gives them."""

import dagster as dg

from tiktok_pipeline.defs.capture.asset import POOL, STORE_ACCOUNTS, CaptureConfig, capture
from tiktok_pipeline.defs.partitions import WHOLE_RANGE, days
from tiktok_pipeline.defs.resources import TikTokResource, TokenVaultResource, WarehouseResource


@dg.asset(
    key_prefix="capture",
    group_name="capture",
    partitions_def=days,
    backfill_policy=WHOLE_RANGE,
    deps=[STORE_ACCOUNTS],
    pool=POOL,
    kinds={"python", "postgres"},
    owners=["team:data"],
)
def video_list(
    context: dg.AssetExecutionContext,
    config: CaptureConfig,
    warehouse: WarehouseResource,
    token_vault: TokenVaultResource,
    tiktok: TikTokResource,
) -> dg.MaterializeResult:
    """One row per page of TikTok's `video/list`: up to 20 public videos and their counters, untouched.

    Only today can be captured. A past date gets no request: what was never captured becomes a gap.
    """
    return capture(context, "video_list", config, warehouse, token_vault, tiktok)
