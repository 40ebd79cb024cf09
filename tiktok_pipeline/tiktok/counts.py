"""How many requests were sent to TikTok, by endpoint and outcome: counted in the process, added up in the database."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter

from psycopg.types.json import Jsonb

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.warehouse.connection import AWAY, Warehouse, reason

EVERY_SECONDS = 5.0

log = logging.getLogger(__name__)


class RequestCounts:
    """Counts of one process. What it has not added up when it is killed, about `every` seconds, is lost.

    Counting waits for nothing: between TikTok's answer with new tokens and the disk there is no time for a database.
    """

    def __init__(self, warehouse: Warehouse, every: float = EVERY_SECONDS) -> None:
        self._warehouse = warehouse
        self._every = every
        self._lock = threading.Lock()
        self._sent: Counter[tuple[str, str]] = Counter()
        self._added_at = time.monotonic()

    def note(self, endpoint: str, status: int | str) -> None:
        """Count one request; `status` is the HTTP status, or why there was none."""
        with self._lock:
            self._sent[endpoint, str(status)] += 1

    def add_up_when_due(self) -> None:
        """Add to the database what was counted since, once every few seconds."""
        if time.monotonic() - self._added_at >= self._every:
            self.add_up()

    def add_up(self) -> None:
        """Add to the database what was counted since. A database that is away gets it the next time."""
        with self._lock:
            sent, self._sent = self._sent, Counter()
            self._added_at = time.monotonic()
        if not sent:
            return
        rows = [
            {"endpoint": endpoint, "status": status, "requests": requests}
            for (endpoint, status), requests in sent.items()
        ]
        try:
            self._warehouse.execute("metrics/count_requests", {"sent": Jsonb(rows)})
        except (PipelineError, *AWAY) as error:
            log.debug("requests are counted later: %s", reason(error))
            with self._lock:
                self._sent.update(sent)
