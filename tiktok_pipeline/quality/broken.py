"""What is broken right now, one line for each cause."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from tiktok_pipeline.warehouse.connection import Warehouse


@dataclass(frozen=True, slots=True)
class Broken:
    """One thing that is broken, as `reporting.broken_now` has it."""

    kind: str
    what: str
    since: dt.datetime | None
    count: int
    example: str | None
    what_to_do: str


def broken_now(warehouse: Warehouse) -> list[Broken]:
    """Everything that is broken right now, the oldest first."""
    return [Broken(**row) for row in warehouse.execute("quality/broken_now")]
