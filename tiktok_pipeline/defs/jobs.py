"""The daily job: capture, snapshots and their checks, for one date or a range of them."""

import dagster as dg

daily = dg.define_asset_job(
    "daily",
    selection=dg.AssetSelection.groups("capture", "snapshots"),
    description="Capture today, derive its snapshots, check that it is complete.",
    tags={"dagster/priority": "10"},  # before any backfill in the queue
)
