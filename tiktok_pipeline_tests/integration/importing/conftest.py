"""Importing into the test's database, without the command line."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tiktok_pipeline.importing.history import Outcome, Progress, import_source
from tiktok_pipeline.importing.refused import RefusedRows
from tiktok_pipeline.warehouse.connection import Warehouse

Importer = Callable[..., Outcome]


@pytest.fixture
def refused_file(tmp_path: Path) -> Path:
    return tmp_path / "refused.csv"


@pytest.fixture
def take(warehouse: Warehouse, refused_file: Path) -> Importer:
    """Imports a source: `take(folder, zone="Asia/Jakarta")`."""

    def imported(
        source: str | Path, *, zone: str = "UTC", progress: Progress = _unheard, **options: Any
    ) -> Outcome:
        refused_file.unlink(missing_ok=True)
        with RefusedRows(refused_file) as refused:
            return import_source(
                warehouse,
                str(source),
                refused,
                progress,
                zone=ZoneInfo(zone),
                client_key="key",
                **options,
            )

    return imported


def _unheard(what: str, done: int, total: int) -> None:
    """Progress that nobody looks at."""


def refusals(path: Path) -> list[dict[str, Any]]:
    """The refused rows of a file."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {**row, "line": int(row["line"]), "row": json.loads(row["row"])} for row in csv.DictReader(file)
        ]


def csv_file(path: Path, *lines: str, end: str = "\n") -> Path:
    """A CSV file of these lines."""
    path.write_bytes("".join(line + end for line in lines).encode())
    return path
