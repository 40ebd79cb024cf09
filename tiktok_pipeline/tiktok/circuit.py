"""The circuit: while TikTok answers only errors, nobody asks but with one probe at a time, over all processes.

    closed --20 failures in a row--> open --30 s--> a probe --an answer--> closed
                                       ^               |
                                       +--a failure----+   and twice as long as before, at most 5 minutes

A failure is a call without an answer, or one by which TikTok says that it is in trouble (5xx, `internal_error`).
Whatever else it says, also that it refuses us, is an answer. PostgreSQL holds the state (`ops.circuit`), so what one
process found out spares the others, and the next run.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tenacity import Retrying, retry_if_exception_type, sleep_using_event, stop_after_attempt
from tenacity.wait import wait_random_exponential

from tiktok_pipeline.tiktok.errors import CircuitOpen, RateLimitedError, TikTokError, TransientError
from tiktok_pipeline.warehouse.connection import AWAY, Warehouse

MOST_FAILURES = 20  # more than the threads of one run, so that one bad moment of theirs is not an outage
QUIET_SECONDS = 2.0  # so long nobody was answered: longer than NOTED_SECONDS
NOTED_SECONDS = 0.5  # how often a process notes that it is answered
KNOWN_SECONDS = (
    1.0  # how old the knowledge that the circuit is closed may be, and how often it is asked while open
)
PROBE_SECONDS = (
    90.0  # a prober that says nothing for so long has vanished; longer than a permit and an answer take
)
PATIENCE_SECONDS = 15 * 60.0  # how long an open circuit is waited for: five probes

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Known:
    """What this process knows of one endpoint, in seconds of its monotonic clock."""

    closed_at: float = float("-inf")
    noted_at: float = float("-inf")
    failing: bool = False


@dataclass(slots=True)
class Entry:
    """Leave for one call to `endpoint`; when it is `probing`, for one request, on whose answer all others wait."""

    endpoint: str
    probing: bool = False
    prober: uuid.UUID = field(default_factory=uuid.uuid4)


class Circuit:
    """The circuits of one TikTok app, one per endpoint. Threads share it; every process makes its own.

    `patience_seconds`: how long after its opening a circuit is waited for; a caller for whom a person waits has none.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        client_key: str,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        most_failures: int = MOST_FAILURES,
        rest_seconds: tuple[float, float] = (30.0, 300.0),
        quiet_seconds: float = QUIET_SECONDS,
    ) -> None:
        self._patience_seconds = patience_seconds
        self._warehouse = warehouse
        self._client_key = client_key
        self._limits = {
            "most": most_failures,
            "first_rest": rest_seconds[0],
            "longest_rest": rest_seconds[1],
            "quiet_seconds": quiet_seconds,
        }
        self._poll_seconds = min(KNOWN_SECONDS, rest_seconds[0] / 5)
        self._known: dict[str, _Known] = {}
        self._closing = threading.Event()
        self._through_outages = Retrying(
            retry=retry_if_exception_type(AWAY),
            stop=stop_after_attempt(6),
            wait=wait_random_exponential(multiplier=0.2, max=10),
            sleep=sleep_using_event(self._closing),
            reraise=True,
        )

    def call(self, endpoint: str, work: Callable[[Entry], T]) -> T:
        """Do `work`, a call to `endpoint`, when the circuit lets it; again from its start when that opens meanwhile.

        Raises CircuitOpen when the circuit has been open for longer than the patience and the probe is not ours.
        """
        while True:
            entry = self._enter(endpoint)
            try:
                return work(entry)
            except CircuitOpen:
                continue

    @contextmanager
    def request(self, entry: Entry) -> Iterator[None]:
        """Around one request of a call: its outcome is noted. Raises CircuitOpen when the circuit is open."""
        if not entry.probing and self._look(entry) is not None and not entry.probing:
            raise _open(entry.endpoint, "the circuit has opened")
        try:
            yield
        except TransientError as error:
            if isinstance(error, RateLimitedError):
                self._answered(entry)  # whoever counts our requests is alive
            elif self._failed(entry, error):
                raise _open(entry.endpoint, str(error)) from error
            raise
        except TikTokError:
            self._answered(entry)
            raise
        self._answered(entry)

    def close(self) -> None:
        """End every wait: they raise TransientError from now on."""
        self._closing.set()

    def _enter(self, endpoint: str) -> Entry:
        entry = Entry(endpoint)
        while (row := self._look(entry)) is not None and not entry.probing:
            if row["open_seconds"] > self._patience_seconds and not row["probing"]:
                raise _open(
                    endpoint,
                    f"TikTok has answered only errors for {row['open_seconds'] / 60:.0f} min, "
                    f"the last one {row['last_error']}",
                )
            if self._closing.wait(self._poll_seconds):
                raise TransientError("the client was closed", code="closed", endpoint=endpoint, sent=False)
        return entry

    def _look(self, entry: Entry) -> dict[str, Any] | None:
        """The circuit if it is open, None if it is closed. The probe is taken, by `entry`, when it is due."""
        known = self._known.setdefault(entry.endpoint, _Known())
        asked_at = time.monotonic()
        if asked_at - known.closed_at < self._poll_seconds:
            return None
        found = self._sql("circuit/enter", entry.endpoint, prober=entry.prober, probe_seconds=PROBE_SECONDS)
        if not found:
            known.closed_at = asked_at
            return None
        entry.probing = found[0]["probe"]
        if entry.probing:
            log.info("%s: a probe, after %.0f s without an answer", entry.endpoint, found[0]["open_seconds"])
        return found[0]

    def _answered(self, entry: Entry) -> None:
        known = self._known[entry.endpoint]
        now = time.monotonic()
        if not (entry.probing or known.failing or now - known.noted_at > NOTED_SECONDS):
            return
        known.failing, known.noted_at = False, now
        self._sql("circuit/answered", entry.endpoint)
        if entry.probing:
            log.info("%s: TikTok answers again", entry.endpoint)
            entry.probing = False

    def _failed(self, entry: Entry, error: TransientError) -> bool:
        """Whether the circuit is open now."""
        known = self._known[entry.endpoint]
        known.failing = True
        [row] = self._sql("circuit/failed", entry.endpoint, error=error.code or "unknown")
        is_open: bool = row["open"]
        if entry.probing or (row["failures"] >= self._limits["most"] and not is_open):
            for opened in self._sql("circuit/open", entry.endpoint, prober=entry.prober, **self._limits):
                is_open = True
                log.warning(
                    "%s: nobody sends for %.0f s; calls in a row that TikTok did not answer in order: %d; the last: %s",
                    entry.endpoint, opened["rest_seconds"], row["failures"], error,
                )  # fmt: skip
        entry.probing = False
        if is_open:
            known.closed_at = float("-inf")
        return is_open

    def _sql(self, name: str, endpoint: str, **parameters: Any) -> list[dict[str, Any]]:
        bound = {"client_key": self._client_key, "endpoint": endpoint, **parameters}
        return self._through_outages(self._warehouse.execute, name, bound)


def _open(endpoint: str, what: str) -> CircuitOpen:
    return CircuitOpen(what, code="circuit_open", endpoint=endpoint, sent=False)


def open_circuits(warehouse: Warehouse) -> list[str]:
    """In words, every endpoint that nobody asks just now but with single probes."""
    return [
        f"{row['endpoint']} of app {row['client_key']}: TikTok has answered only errors for "
        f"{row['open_seconds'] / 60:.0f} min (the last one: {row['last_error']}); "
        f"next probe in {row['next_probe_seconds']:.0f} s or with the next call after that"
        for row in warehouse.execute("circuit/open_ones")
    ]
