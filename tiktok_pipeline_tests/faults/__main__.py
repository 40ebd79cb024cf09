"""Runs some rows: python -m tiktok_pipeline_tests.faults [--seeds N] [ROW …]"""

from __future__ import annotations

import argparse
import logging
import sys

from tiktok_pipeline_tests.faults.matrix import Matrix
from tiktok_pipeline_tests.faults.report import run_rows, table
from tiktok_pipeline_tests.faults.rows import ROWS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tiktok_pipeline_tests.faults", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="numbers of rows; all by default")
    parser.add_argument("--seeds", type=int, default=1, help="at least so many seeds a row")
    parser.add_argument("--broken", help="a mutant of mutants.py")
    options = parser.parse_args()
    logging.getLogger("tiktok_pipeline").addHandler(logging.NullHandler())  # what goes wrong is meant to
    wanted = [row for row in ROWS if not options.rows or row.number in options.rows]
    with Matrix() as matrix:
        cases = run_rows(matrix, wanted, options.seeds, broken=options.broken)
    sys.stdout.write(table(cases))
    return any(case.violations for case in cases)


if __name__ == "__main__":
    sys.exit(main())
