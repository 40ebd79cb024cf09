"""The chain of closed days: what shows later whether history was edited."""

from typing import Any

import dagster as dg

from tiktok_pipeline.defs.capture.asset import ledger_of
from tiktok_pipeline.defs.partitions import WHOLE_RANGE, dates_of, days, settings
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.defs.retries import retry_when_transient
from tiktok_pipeline.defs.tables import table_metadata
from tiktok_pipeline.history.chain import Entry, first_break, latest_entries, read_chain
from tiktok_pipeline.history.manifest import Written, write_manifest
from tiktok_pipeline.quality.verdicts import Verdict, keep_verdicts
from tiktok_pipeline.warehouse.connection import Warehouse

LOST = "head_not_in_chain"  # a head that was noted once and is in the chain no more
WHAT_TO_DO = (
    "`tiktok-pipeline verify` names every edited day; find who changed it, and bring the rows back "
    "from a backup or an archive"
)
UNEDITED = dg.AssetCheckSpec(
    "unedited",
    asset=dg.AssetKey(["capture", "manifest"]),
    description="What changed in days of the chain was added by an import, a gap or a deletion, and the chain is "
    "whole. `tiktok-pipeline verify` reads all of history.",
)


@dg.asset(
    key_prefix="capture",
    group_name="capture",
    partitions_def=days,
    backfill_policy=WHOLE_RANGE,
    deps=[dg.AssetKey(["capture", "user_info"]), dg.AssetKey(["capture", "video_list"])],
    check_specs=[UNEDITED],
    kinds={"sql", "postgres"},
    owners=["team:data"],
)
def manifest(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """One row per closed day: counts and hashes of its ledger, pages and imports, chained to the day before.

    A day enters when its grace is over, and is never rewritten; what is imported into it later is a further row. The
    chain's head stands here in the metadata, in Dagster's own database, which whoever edits this one would have to
    edit, too: `tiktok-pipeline verify --head …` compares.
    """
    dates = dates_of(context)
    grace = settings.capture_grace
    with retry_when_transient(), warehouse.opened() as opened:
        zone = settings.reporting_timezone
        noted = _noted_head(context)
        written = write_manifest(opened, zone, grace, dates[-1], context.run.run_id)
        chain = read_chain(opened)
        known = latest_entries(chain)
        for date in dates:
            context.add_asset_metadata(_of_one_date(known.get(date)), partition_key=str(date))
        for day, differences in written.edited.items():
            context.log.error(f"{day} was edited, and gets no new entry: {'; '.join(differences)}")
        table = table_metadata(opened, "capture.manifest")
        lost = noted if noted not in {None, *(entry.head for entry in chain)} else None
        verdict = _unedited(written, first_break(chain), lost)
        _keep(opened, verdict, context.run.run_id)
        still = {LOST: lost} if lost is not None else {}
        return dg.MaterializeResult(metadata={**_head(written), **still, **table}, check_results=[verdict])


def _head(written: Written) -> dict[str, Any]:
    said: dict[str, Any] = {"entries_added": len(written.entries)}
    if written.newest is not None:
        said |= {
            "head": written.newest.head,
            "day": str(written.newest.day),
            "revision": written.newest.revision,
            "position": written.newest.position,
        }
    if written.not_closed is not None:
        said["waits_for"] = str(written.not_closed)
    if written.edited:
        said["edited"] = ", ".join(str(day) for day in sorted(written.edited))
    return said


def _noted_head(context: dg.AssetExecutionContext) -> str | None:
    """The head that the last materialization noted, or the one that it missed, which is missed until it is back.

    Who means the chain to be another one, after a restore, wipes the materializations of this asset in the UI.
    """
    last = context.instance.get_latest_materialization_event(context.asset_key)
    made = last.asset_materialization if last else None
    head = (made.metadata.get(LOST) or made.metadata.get("head")) if made else None
    return str(head.value) if head else None


def _unedited(written: Written, broken: Entry | None, lost: str | None) -> dg.AssetCheckResult:
    """Never blocking: what was captured today is no worse for a past day that somebody edited."""
    said: dict[str, Any] = {"edited_days": len(written.edited)}
    if written.edited:
        first = min(written.edited)
        said |= {"first_edited_day": str(first), "what_differs": "; ".join(written.edited[first])}
    if broken is not None:
        said |= {"chain_broken_at": str(broken.day), "position": broken.position}
    if lost is not None:
        said[LOST] = lost
    return dg.AssetCheckResult(
        check_name=UNEDITED.name,
        passed=not written.edited and broken is None and lost is None,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata=said,
    )


def _keep(warehouse: Warehouse, verdict: dg.AssetCheckResult, run_id: str) -> None:
    """Keep the verdict under today: it is about the whole chain."""
    today = ledger_of(warehouse, "video_list").today()
    said = "" if verdict.passed else "; ".join(f"{k}: {v.value}" for k, v in verdict.metadata.items())
    keep_verdicts(
        warehouse, "capture.manifest", UNEDITED.name, "error", WHAT_TO_DO, [Verdict(today, said)], run_id
    )


def _of_one_date(entry: Entry | None) -> dict[str, Any]:
    if entry is None:
        return {"of_this_date": "not in the chain yet: it enters when its grace is over"}
    return {
        "dagster/partition_row_count": entry.revision,
        "of_this_date": entry.head,
        "account_days": entry.content.account_days,
        "pages": entry.content.pages,
        "imported_rows": entry.content.imported_rows,
    }
