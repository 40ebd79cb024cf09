"""A check's verdict for each date of a run, whether the run is for one date or for a range.

In a range run Dagster 1.13 stores one verdict without a date and leaves every date waiting for its own.
So the dates' verdicts are reported one by one. What is private in Dagster stays in this file.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as Target,
)


def verdict_per_date(
    context: dg.AssetCheckExecutionContext, key: dg.AssetKey, name: str, shortfalls: Mapping[str, str]
) -> dg.AssetCheckResult:
    """Report the verdict of every date of the run: `shortfalls` says, by date, what is wrong with it.

    Never blocking: in a range run one bad date would stop what follows for all the good ones.
    """
    op = context.op_execution_context
    if not op.has_partition_key:
        materialized = op.instance.get_latest_storage_id_by_partition(
            key, dg.DagsterEventType.ASSET_MATERIALIZATION, set(op.partition_keys)
        )
        for date in op.partition_keys:
            verdict = _evaluation(op.run_id, key, name, date, shortfalls.get(date), materialized.get(date))
            op.log_event(verdict)  # type: ignore[arg-type]  # Dagster takes it, its annotation does not know
    reasons: dict[str, str | int] = {"incomplete_dates": len(shortfalls)}
    reasons.update(dict(sorted(shortfalls.items())[-20:]))
    return dg.AssetCheckResult(
        check_name=name, passed=not shortfalls, severity=dg.AssetCheckSeverity.WARN, metadata=reasons
    )


def _evaluation(
    run_id: str, key: dg.AssetKey, name: str, date: str, shortfall: str | None, storage_id: int | None
) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=name,
        partition=date,
        passed=shortfall is None,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"verdict": shortfall or "complete"},
        target_materialization_data=None
        if storage_id is None
        else Target(storage_id=storage_id, run_id=run_id, timestamp=time.time()),
    )
