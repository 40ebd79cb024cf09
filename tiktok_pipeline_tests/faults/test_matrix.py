"""The fault matrix: a quick selection in the ordinary tests, all of it by `make faults`; and what it is worth."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from tiktok_pipeline_tests.faults import report
from tiktok_pipeline_tests.faults.matrix import Matrix
from tiktok_pipeline_tests.faults.mutants import MUTANTS
from tiktok_pipeline_tests.faults.rows import ROWS

SEEDS = int(os.environ.get("FAULT_SEEDS", "3"))
BY_NUMBER = {row.number: row for row in ROWS}


@pytest.fixture(scope="module")
def matrix() -> Iterator[Matrix]:
    with Matrix() as matrix:
        yield matrix


@pytest.mark.parametrize("number", [row.number for row in ROWS if row.quick])
def test_after_a_fault_every_invariant_holds(matrix: Matrix, number: str) -> None:
    case = matrix.run(BY_NUMBER[number], 0)
    assert case.violations == [], str(case)


@pytest.mark.faults
@pytest.mark.timeout(7200)
def test_after_every_fault_every_invariant_holds(matrix: Matrix, capfd: pytest.CaptureFixture[str]) -> None:
    """The whole matrix, FAULT_SEEDS seeds a row (3) or more where a fault has more forms; writes the table."""
    with capfd.disabled():
        cases = report.run_rows(matrix, ROWS, SEEDS)
        report.write(cases)
        sys.stdout.write(report.table(cases))
    assert [(str(case), case.violations) for case in cases if case.violations] == []


@pytest.mark.faults
@pytest.mark.parametrize("mutant", MUTANTS)
def test_without_what_the_promise_stands_on_the_matrix_is_red(matrix: Matrix, mutant: str) -> None:
    for number in MUTANTS[mutant].rows:
        row = BY_NUMBER[number]
        # As many seeds as the whole matrix has: two processes do not meet each time.
        found = any(
            matrix.run(row, seed, broken=mutant).violations for seed in range(max(SEEDS, row.variants))
        )
        assert found, f"row {number} stays green although this is gone: {MUTANTS[mutant].taken_out}"
