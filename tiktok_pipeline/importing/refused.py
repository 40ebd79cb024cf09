"""The rows that were refused: written to a CSV file one by one, with where they stood and why, and counted."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TextIO

from tiktok_pipeline.errors import PipelineError

HEADER = ("file", "line", "table", "reason", "row")


@dataclass
class Cause:
    """A reason, how many rows of a table it refused, and where the first of them is."""

    table: str
    reason: str
    rows: int
    place: str
    line: int


class RefusedRows:
    """Refused rows, written to `path`; the file is made with the first row. Without a path they are only counted.

    The row stands there as JSON, as its columns came; columns that are not imported (tokens!) are not in it.
    Raises PipelineError when the file exists already or cannot be written.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.causes: dict[tuple[str, str], Cause] = {}
        self._file: TextIO | None = None
        if path is not None and path.exists():
            raise PipelineError(
                f"--refused {path}: exists already. Name another file, or move that one away."
            )
        if path is not None and not path.absolute().parent.is_dir():
            raise PipelineError(f"--refused {path}: there is no folder {path.parent}.")

    def __enter__(self) -> RefusedRows:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def count(self) -> int:
        """How many rows were refused."""
        return sum(cause.rows for cause in self.causes.values())

    def of_table(self, table: str) -> int:
        """How many rows of a table were refused."""
        return sum(cause.rows for cause in self.causes.values() if cause.table == table)

    def add(self, table: str, place: str, line: int, reason: str, row: Mapping[str, object]) -> None:
        """Refuse a row."""
        cause = self.causes.setdefault((table, reason), Cause(table, reason, 0, place, line))
        cause.rows += 1
        if self.path is None:
            return
        try:
            if self._file is None:
                self._file = self.path.open("x", encoding="utf-8", newline="")
                csv.writer(self._file).writerow(HEADER)
            csv.writer(self._file).writerow((place, line, table, reason, json.dumps(row, ensure_ascii=False)))
        except OSError as error:
            raise PipelineError(f"--refused {self.path}: {error.strerror}.") from None
