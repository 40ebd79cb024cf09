"""How long an answer may take, by what is asked for: the first pattern that fits, (to connect, between two bytes)."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping

Seconds = tuple[float, float]

TIMEOUTS: Mapping[str, Seconds] = {
    "/token": (2, 5),
    "/health*": (1, 2),
    "/*/daily": (2, 20),
    "/gaps": (2, 20),
    "/admin/*": (2, 35),
    "*": (2, 10),
}


def timeout_for(path: str, table: Mapping[str, Seconds] = TIMEOUTS) -> Seconds:
    """The time-outs of a path below /api/v1."""
    return next(
        (seconds for pattern, seconds in table.items() if fnmatch.fnmatch(path, pattern)), TIMEOUTS["*"]
    )
