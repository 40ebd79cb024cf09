"""Is everything accounted for? For every date, and in all: does every account known by then have"
" exactly one state?
"""

import dagster as dg

from tiktok_pipeline.capture.accounted import sum_of_states, unaccounted
from tiktok_pipeline.capture.ledger import Endpoint
from tiktok_pipeline.defs.capture.asset import ledger_of
from tiktok_pipeline.defs.checks.per_date import verdict_per_date
from tiktok_pipeline.defs.partitions import dates_of, days
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.defs.retries import retry_when_transient

NAME = "accounted_for"
WHAT_TO_DO = (
    "run the daily job of these dates again: it gives every account-day its state; if that stays "
    "wrong, the ledger was edited"
)


def _accounted_for(endpoint: Endpoint) -> dg.AssetChecksDefinition:
    key = dg.AssetKey(["capture", endpoint])

    @dg.asset_check(
        asset=key,
        name=NAME,
        partitions_def=days,
        description="The states add up: one for every account connected by that day, and a final one once it is over. "
        "Over all of history, too: accounts times days.",
    )
    def accounted_for(
        context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource
    ) -> dg.AssetCheckResult:
        dates = dates_of(context)
        with retry_when_transient(), warehouse.opened() as opened:
            ledger = ledger_of(opened, endpoint)
            wrong = unaccounted(ledger, dates[0], dates[-1])
            all_days = sum_of_states(ledger, dates[-1])
        if all_days.wrong is not None:  # kept with the last date, so that alerts hear of it
            wrong[dates[-1]] = "; ".join(filter(None, (wrong.get(dates[-1]), f"in all, {all_days.wrong}")))
        shortfalls = {str(date): wrong[date] for date in dates if date in wrong}
        verdict = verdict_per_date(context, warehouse, key, NAME, WHAT_TO_DO, shortfalls, "error")
        return dg.AssetCheckResult(
            check_name=NAME,
            passed=verdict.passed,
            severity=verdict.severity,
            metadata={
                **verdict.metadata,
                "states": all_days.states,
                "expected": all_days.expected,
                "all_days": all_days.wrong or "the states add up",
            },
        )

    return accounted_for


user_info_accounted_for = _accounted_for("user_info")
video_list_accounted_for = _accounted_for("video_list")
