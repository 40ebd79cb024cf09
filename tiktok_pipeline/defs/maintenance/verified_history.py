"""Was history edited? Asked once a week: an edit that leaves the chain alone shows only when "
"everything is read.
"""

from typing import Any

import dagster as dg

from tiktok_pipeline.defs.capture.asset import ledger_of
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.defs.retries import retry_when_transient
from tiktok_pipeline.history.verify import verify
from tiktok_pipeline.quality.verdicts import Verdict, keep_verdicts

DAYS_NAMED = 20
WHAT_TO_DO = (
    "`tiktok-pipeline verify` names every edited day; find who changed it, and bring the rows back "
    "from a backup or an archive"
)
UNEDITED = dg.AssetCheckSpec(
    "unedited",
    asset=dg.AssetKey(["maintenance", "verified_history"]),
    description="Every page, import and gap of the days of the chain is what it was when its day was closed.",
)


@dg.asset(
    key_prefix="maintenance",
    group_name="maintenance",
    deps=[dg.AssetKey(["capture", "manifest"])],
    check_specs=[UNEDITED],
    kinds={"sql", "postgres"},
    owners=["team:data"],
)
def verified_history(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """What `tiktok-pipeline verify` says of all of history, archived months read back among it."""
    with retry_when_transient(), warehouse.opened() as opened:
        found = verify(opened)
        edited = {str(day): "; ".join(said) for day, said in list(found.edited.items())[:DAYS_NAMED]}
        broken = [f"the chain is broken at {found.broken_at.day}"] if found.broken_at else []
        said = "; ".join([*broken, *(f"{day} was edited: {what}" for day, what in edited.items())])
        today = ledger_of(opened, "video_list").today()
        keep_verdicts(
            opened,
            "maintenance.verified_history",
            UNEDITED.name,
            "error",
            WHAT_TO_DO,
            [Verdict(today, said)],
            context.run.run_id,
        )
    metadata: dict[str, Any] = {
        "days": found.days,
        "pages": found.pages,
        "imported_rows": found.imported_rows,
        "head": found.newest.head if found.newest else "no day is in the chain yet",
        "read_back": [f"{month:%Y-%m}" for month in found.read_back],
    }
    verdict = dg.AssetCheckResult(
        check_name=UNEDITED.name,
        passed=found.sound,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"edited_days": len(found.edited), "what": said or "nothing was edited"},
    )
    return dg.MaterializeResult(metadata=metadata, check_results=[verdict])
