"""Is a day complete? For every date: was everything planned captured or imported?"""

import dagster as dg

from tiktok_pipeline.capture.ledger import Endpoint
from tiktok_pipeline.defs.capture.asset import ledger_of
from tiktok_pipeline.defs.checks.per_date import verdict_per_date
from tiktok_pipeline.defs.partitions import dates_of, days
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.defs.retries import retry_when_transient

NAME = "complete"
WHAT_TO_DO = (
    "today is tried again by itself, `tiktok-pipeline failed list` says what cannot be; a past day "
    "stays as it is"
)


def _complete(endpoint: Endpoint) -> dg.AssetChecksDefinition:
    key = dg.AssetKey(["capture", endpoint])

    @dg.asset_check(
        asset=key,
        name=NAME,
        partitions_def=days,
        description="Every account-day that was expected is captured or imported; a gap or a failure fails it.",
    )
    def complete(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource) -> dg.AssetCheckResult:
        dates = dates_of(context)
        with retry_when_transient(), warehouse.opened() as opened:
            totals = ledger_of(opened, endpoint).totals(dates[0], dates[-1])
        shortfalls = {
            str(date): shortfall
            for date in dates
            if date in totals and (shortfall := totals[date].shortfall) is not None
        }
        return verdict_per_date(context, warehouse, key, NAME, WHAT_TO_DO, shortfalls)

    return complete


user_info_complete = _complete("user_info")
video_list_complete = _complete("video_list")
