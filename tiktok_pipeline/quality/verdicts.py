"""Verdicts of checks by day, and the table that keeps the latest of them: `reporting.quality_results`."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tiktok_pipeline.quality.rules import Severity
from tiktok_pipeline.warehouse.connection import Warehouse


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found on one day; `message` is empty when nothing. A count is None when not counted."""

    day: dt.date
    message: str = ""
    checked: int | None = None
    failing: int | None = None
    examples: list[dict[str, Any]] = field(default_factory=list)
    quarantined: int = 0

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return not self.message


def keep_verdicts(
    warehouse: Warehouse,
    table: str,
    check: str,
    severity: Severity,
    what_to_do: str,
    verdicts: Iterable[Verdict],
    run_id: str | None = None,
) -> None:
    """Keep the verdicts of `check` on `table`, over those of an earlier evaluation of the same days.

    `what_to_do` is for whoever is told that it fails: one line, which says what helps.
    """
    found = [
        {
            "day": str(one.day),
            "passed": one.passed,
            "checked": one.checked,
            "failing": one.failing,
            "message": one.message,
            "examples": one.examples,
        }
        for one in verdicts
    ]
    warehouse.execute(
        "quality/keep",
        {
            "table": table,
            "check": check,
            "severity": severity,
            "what_to_do": what_to_do,
            "verdicts": json.dumps(found),
            "run_id": run_id,
        },
    )
