"""A check's verdict for each date of a run, whether the run is for one date or for a range.

In a range run Dagster 1.13 stores one verdict without a date and leaves every date waiting for its own.
So the dates' verdicts are reported one by one. What is private in Dagster stays in this file. The latest verdict
of every date is kept in `reporting.quality_results`, too, where reports and alerts find it.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as Target,
)

from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.defs.retries import retry_when_transient
from tiktok_pipeline.quality.rules import Severity
from tiktok_pipeline.quality.verdicts import Verdict, keep_verdicts

MOST_SHOWN = 20  # failing dates in the metadata of a run over a range


def verdict_per_date(
    context: dg.AssetCheckExecutionContext,
    warehouse: WarehouseResource,
    key: dg.AssetKey,
    name: str,
    what_to_do: str,
    shortfalls: Mapping[str, str],
    severity: Severity = "warning",
) -> dg.AssetCheckResult:
    """Keep and report the verdict of every date of the run: `shortfalls` says, by date, what is "
    "wrong with it.
    """
    dates = [dt.date.fromisoformat(date) for date in sorted(context.op_execution_context.partition_keys)]
    verdicts = [Verdict(date, shortfalls.get(str(date), "")) for date in dates]
    with retry_when_transient(), warehouse.opened() as opened:
        run_id = context.op_execution_context.run_id
        keep_verdicts(opened, table_of(key), name, severity, what_to_do, verdicts, run_id)
    return report_per_date(context, key, name, verdicts)


def report_per_date(
    context: dg.AssetCheckExecutionContext,
    key: dg.AssetKey,
    name: str,
    verdicts: Sequence[Verdict],
    severity: Severity = "warning",
) -> dg.AssetCheckResult:
    """Report verdicts that are kept already, one for each date of the run.

    Never blocking: in a range run one bad date would stop what follows for all the good ones.
    """
    op = context.op_execution_context
    level = level_of(severity)
    if not op.has_partition_key:
        materialized = op.instance.get_latest_storage_id_by_partition(
            key, dg.DagsterEventType.ASSET_MATERIALIZATION, set(op.partition_keys)
        )
        for one in verdicts:
            event = _evaluation(op.run_id, key, name, level, one, materialized.get(str(one.day)))
            op.log_event(event)  # type: ignore[arg-type]  # Dagster takes it, its annotation does not know
    wrong = [one for one in verdicts if not one.passed]
    metadata: dict[str, Any] = {"incomplete_dates": len(wrong)}
    metadata.update({str(one.day): one.message for one in wrong[-MOST_SHOWN:]})
    if len(verdicts) == 1:
        metadata |= numbers_of(verdicts[0])
    return dg.AssetCheckResult(
        asset_key=key, check_name=name, passed=not wrong, severity=level, metadata=metadata
    )


def level_of(severity: Severity) -> dg.AssetCheckSeverity:
    """A severity in Dagster's words, which know two."""
    return dg.AssetCheckSeverity.ERROR if severity == "error" else dg.AssetCheckSeverity.WARN


def table_of(key: dg.AssetKey) -> str:
    """The table that an asset is: its key is the table's address."""
    return ".".join(key.path)


def numbers_of(verdict: Verdict) -> dict[str, Any]:
    """Counts and examples of a verdict as metadata."""
    said: dict[str, Any] = {}
    if verdict.checked is not None:
        said["checked"] = verdict.checked
    if verdict.failing is not None:
        said["failing"] = verdict.failing
    if verdict.examples:
        said["examples"] = dg.MetadataValue.json(json.loads(json.dumps(verdict.examples, default=str)))
    if verdict.quarantined:
        said["quarantined_account_days"] = verdict.quarantined
    return said


def _evaluation(
    run_id: str,
    key: dg.AssetKey,
    name: str,
    level: dg.AssetCheckSeverity,
    verdict: Verdict,
    storage_id: int | None,
) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=name,
        partition=str(verdict.day),
        passed=verdict.passed,
        severity=level,
        metadata={"verdict": verdict.message or "complete", **numbers_of(verdict)},
        target_materialization_data=None
        if storage_id is None
        else Target(storage_id=storage_id, run_id=run_id, timestamp=time.time()),
    )
