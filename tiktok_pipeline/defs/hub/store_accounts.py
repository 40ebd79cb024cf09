"""The connected accounts: filled when a store connects its TikTok account, not by a run."""

import dagster as dg

store_accounts = dg.AssetSpec(
    key=["hub", "store_accounts"],
    group_name="hub",
    description="One row per TikTok account of a store: what it granted, until when, and whether it still works.",
    kinds={"postgres"},
    owners=["team:data"],
    metadata={"dagster/table_name": "hub.store_accounts"},
)
