"""Does the daily capture fit its window? By the pages that the accounts had when they were last captured."""

import dagster as dg

from tiktok_pipeline.capture.forecast import in_words, warnings
from tiktok_pipeline.defs.capture.asset import forecasts_of, ledger_of
from tiktok_pipeline.defs.checks.per_date import table_of
from tiktok_pipeline.defs.partitions import settings
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.defs.retries import retry_when_transient
from tiktok_pipeline.quality.verdicts import Verdict, keep_verdicts

KEY = dg.AssetKey(["capture", "video_list"])
NAME = "fits_the_window"
WHAT_TO_DO = (
    "ask TikTok for a higher limit (TIKTOK_REQUESTS_PER_MINUTE), give it more time (CAPTURE_WINDOW_MINUTES), "
    "or spread the accounts over more apps"
)


@dg.asset_check(
    asset=KEY,
    name=NAME,
    description="A whole day, profiles and videos, can be captured within CAPTURE_WINDOW_MINUTES at the quota's speed, "
    "now and, at the growth of the last 14 days, for the next 30 days.",
)
def video_list_fits_the_window(
    context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource
) -> dg.AssetCheckResult:
    """The verdict on the next 30 days' captures."""
    with retry_when_transient(), warehouse.opened() as opened:
        today = ledger_of(opened, "video_list").today()
        found = forecasts_of(opened, today)
        verdict = Verdict(today, warnings(found), len(found))
        run_id = context.op_execution_context.run_id
        keep_verdicts(opened, table_of(KEY), NAME, "warning", WHAT_TO_DO, [verdict], run_id)
    numbers = {
        "pages": sum(one.pages for one in found),
        "minutes": max((one.minutes for one in found), default=0.0),
        "window_minutes": settings.capture_window_minutes,
    }
    return dg.AssetCheckResult(
        passed=verdict.passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=verdict.message or None,
        metadata={"forecast": in_words(found), **numbers},
    )
