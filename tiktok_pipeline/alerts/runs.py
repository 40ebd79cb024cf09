"""What operators are told of runs: that one failed, with its cause, and that the same work succeeded later.

While a failure of the same work at the same steps is told and not over, nothing more is said of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from tiktok_pipeline.alerts.outbox import OPERATORS, put
from tiktok_pipeline.hub.words import one_line
from tiktok_pipeline.warehouse.connection import Warehouse, run

LONGEST_CAUSE = 500


@dataclass(frozen=True)
class Run:
    """A run that ended at `ended_at`. `work` is what it was of, the same for each run that tries it again.

    `causes` are, by failed step, the words of what went wrong; `why` is what Dagster says of the run as a whole.
    """

    id: str
    work: str
    ended_at: dt.datetime
    causes: Mapping[str, str]
    why: str = ""


def tell_of_failure(warehouse: Warehouse, failed: Run) -> bool:
    """Whether operators are told: not when the same failure is told and not over, or the work succeeded since."""
    steps = ", ".join(sorted(failed.causes))
    causes = [f"{step}: {_cut(cause)}" for step, cause in sorted(failed.causes.items())] or [_cut(failed.why)]
    with warehouse.transaction() as cursor:
        if any(told["steps"] == steps for told in run(cursor, "alerts/open_failures", {"work": failed.work})):
            return False
        if run(cursor, "alerts/recovered_since", {"work": failed.work, "ended_at": failed.ended_at}):
            return False
        return put(
            cursor,
            key=f"run_failed:{failed.id}",
            kind="run_failed",
            severity="error",
            recipient=OPERATORS,
            subject=f"the run of {failed.work} failed",
            body="\n".join(causes) + f"\n\nRun {failed.id} in the Dagster UI has the whole log. "
            "When the cause is mended, re-execute it there: what it has done stays.",
            details={
                "run_id": failed.id,
                "work": failed.work,
                "steps": steps,
                "ended_at": failed.ended_at.isoformat(),
            },
        )


def tell_of_success(warehouse: Warehouse, succeeded: Run) -> int:
    """How many failures of the same work, told before, are over."""
    with warehouse.transaction() as cursor:
        over = [
            told
            for told in run(cursor, "alerts/open_failures", {"work": succeeded.work})
            if told["ended_at"] < succeeded.ended_at
        ]
        for told in over:
            put(
                cursor,
                key=f"resolved:{told['key']}",
                kind="run_recovered",
                severity="info",
                recipient=OPERATORS,
                subject=f"the run of {succeeded.work} succeeded",
                body=f"It failed before (run {told['run_id']}). Run {succeeded.id} succeeded; nothing is to be done.",
                details={
                    "run_id": succeeded.id,
                    "work": succeeded.work,
                    "ended_at": succeeded.ended_at.isoformat(),
                },
            )
    return len(over)


def _cut(words: str) -> str:
    line = one_line(words) or "no cause given"
    return line if len(line) <= LONGEST_CAUSE else line[:LONGEST_CAUSE] + " …"
