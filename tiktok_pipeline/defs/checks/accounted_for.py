"""Is everything accounted for? For every date: does every account connected by then have exactly one state?"""

import dagster as dg

from tiktok_pipeline.capture.accounted import unaccounted
from tiktok_pipeline.capture.ledger import Endpoint
from tiktok_pipeline.defs.capture.asset import ledger_of
from tiktok_pipeline.defs.checks.per_date import verdict_per_date
from tiktok_pipeline.defs.partitions import dates_of, days
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.defs.retries import retry_when_transient

NAME = "accounted_for"


def _accounted_for(endpoint: Endpoint) -> dg.AssetChecksDefinition:
    key = dg.AssetKey(["capture", endpoint])

    @dg.asset_check(
        asset=key,
        name=NAME,
        partitions_def=days,
        description="The states add up: one for every account connected by that day, and a final one once it is over.",
    )
    def accounted_for(
        context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource
    ) -> dg.AssetCheckResult:
        dates = dates_of(context)
        with retry_when_transient(), warehouse.opened() as opened:
            wrong = unaccounted(ledger_of(opened, endpoint), dates[0], dates[-1])
        shortfalls = {str(date): wrong[date] for date in dates if date in wrong}
        return verdict_per_date(context, warehouse, key, NAME, shortfalls, "error")

    return accounted_for


user_info_accounted_for = _accounted_for("user_info")
video_list_accounted_for = _accounted_for("video_list")
