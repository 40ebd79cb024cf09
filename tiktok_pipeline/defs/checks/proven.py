"""Are the lists of videos proven complete? For every date: is every verdict COMPLETE (or imported)?"""

import datetime as dt
from typing import Any

import dagster as dg

from tiktok_pipeline.defs.checks.per_date import verdict_per_date
from tiktok_pipeline.defs.partitions import dates_of, days
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.defs.retries import retry_when_transient

KEY = dg.AssetKey(["snapshots", "account_day_verdict"])
NAME = "proven"
WHAT_TO_DO = (
    "capture today again with force: true; of a past day the list stays as it is, and nothing is "
    "concluded from what it lacks"
)


@dg.asset_check(
    asset=KEY,
    name=NAME,
    partitions_def=days,
    description="Every captured list of videos is COMPLETE; a TRUNCATED or UNSTABLE one fails it.",
)
def proven(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """Report the dates with lists that are not proven complete, and why one of them is not."""
    dates = dates_of(context)
    with retry_when_transient(), warehouse.opened() as opened:
        unproven = opened.execute("presence/unproven", {"first": dates[0], "last": dates[-1]})
    shortfalls: dict[dt.date, str] = {row["day"]: _in_words(row) for row in unproven}
    return verdict_per_date(
        context,
        warehouse,
        KEY,
        NAME,
        WHAT_TO_DO,
        {str(date): shortfalls[date] for date in dates if date in shortfalls},
    )


def _in_words(row: dict[str, Any]) -> str:
    return (
        f"of {row['lists']} lists {row['truncated']} truncated, {row['unstable']} unstable; {row['example']}"
    )
