"""Profiles and account counters, as TikTok gives them."""

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
def user_info(
    context: dg.AssetExecutionContext,
    config: CaptureConfig,
    warehouse: WarehouseResource,
    token_vault: TokenVaultResource,
    tiktok: TikTokResource,
) -> dg.MaterializeResult:
    """One row per answer of TikTok's `user/info`: an account's profile and counters, untouched.

    Only today can be captured. A past date gets no request: what was never captured becomes a gap.
    """
    return capture(context, "user_info", config, warehouse, token_vault, tiktok)
