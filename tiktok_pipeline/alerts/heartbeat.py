"""The daemon's heartbeat: in the database, where the portal looks at it, and at HEARTBEAT_URL, where others do.

A dead daemon cannot say that it is dead: a heartbeat that stops is the alarm.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass

import requests

from tiktok_pipeline.warehouse.connection import Warehouse

TIMEOUT_SECONDS = (3, 5)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Beat:
    """When a daemon was last at work, aware, and how many minutes ago that is."""

    last_at: dt.datetime
    minutes: float


def beat(warehouse: Warehouse, daemon: str) -> None:
    """Note in the database that this daemon is at work."""
    warehouse.execute("incidents/beat", {"daemon": daemon})


def last_beat(warehouse: Warehouse) -> Beat | None:
    """The latest heartbeat of any daemon; None when there never was one."""
    [row] = warehouse.execute("incidents/last_beat")
    return Beat(**row) if row["last_at"] else None


def ping(url: str) -> bool:
    """Whether the address took it, by any 2xx. The address is a secret: it is in no log."""
    try:
        with requests.get(url, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True) as answer:
            taken = 200 <= answer.status_code < 300
            why = f"answered HTTP {answer.status_code}"
    except (requests.RequestException, OSError, ValueError) as error:  # whose texts quote the address
        taken, why = False, f"not reached ({type(error).__name__})"
    if not taken:
        log.warning("HEARTBEAT_URL: %s", why)
    return taken
