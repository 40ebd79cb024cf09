"""The matrix as one table, on the terminal and in docs/reliability.md."""

from __future__ import annotations

import datetime as dt
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path

from tiktok_pipeline_tests.faults.matrix import Case, Matrix, machine
from tiktok_pipeline_tests.faults.rows import Row

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- matrix: begin -->", "<!-- matrix: end -->"


def run_rows(matrix: Matrix, rows: Sequence[Row], seeds: int, *, broken: str | None = None) -> list[Case]:
    """Every row with `seeds` seeds, or more where it has more variants; says on standard error how it goes."""
    cases = []
    for row in rows:
        for seed in range(max(seeds, row.variants)):
            case = matrix.run(row, seed, broken=broken)
            cases.append(case)
            sys.stderr.write(f"{case}: {case.skipped or 'ok' if not case.violations else 'VIOLATED'}")
            sys.stderr.write(f" {case.seconds:.1f} s\n")
            for violation in case.violations:
                sys.stderr.write(f"    {violation}\n")
            sys.stderr.flush()
    return cases


def table(cases: Sequence[Case]) -> str:
    """A line per row: fault, promise, seeds, injections, the slowest recovery, violations."""
    lines = [
        "| row | fault | promised | seeds | injections | slowest recovery | violations |",
        "|---|---|---|---|---|---|---|",
    ]
    for row, group in itertools.groupby(cases, key=lambda case: case.row):
        of_row = list(group)
        done = [case for case in of_row if case.skipped is None]
        if not done:
            lines.append(
                f"| {row.number} | {row.fault} | {row.promise} | – | – | – | skipped: {of_row[0].skipped} |"
            )
            continue
        injections = sum(case.injections for case in done)
        slowest = max(case.recovery_seconds for case in done)
        broken = sum(len(case.violations) for case in done)
        lines.append(
            f"| {row.number} | {row.fault} | {row.promise} | {len(done)} | {injections} | {slowest:.1f} s | {broken} |"
        )
    return "\n".join(lines) + "\n"


def write(cases: Sequence[Case]) -> None:
    """Put the table into docs/reliability.md, between its markers."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    injections = sum(case.injections for case in cases)
    violations = sum(len(case.violations) for case in cases)
    summary = (
        f"{dt.datetime.now(dt.UTC):%d %B %Y}, {machine()}: {len(cases)} cases, {injections} injections, "
        f"{violations} violations.\n"
    )
    DOCUMENT.write_text(f"{before}{BEGIN}\n{summary}\n{table(cases)}\n{END}{after}", encoding="utf-8")
