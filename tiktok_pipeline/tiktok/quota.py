"""The quota: at most so many requests per endpoint in any sliding minute, over all processes.

TikTok allows 600 per endpoint and app in a sliding 60 seconds. PostgreSQL keeps the instants of the latest
uses (`ops.quota_reserve`): use number n may happen one period after use number n - slots. The period is
a little longer than the window, so that a request that leaves late and arrives early cannot break the limit.

Every use is in that one ring, whoever asks; that alone is what keeps the limit. A share of it is kept for callers for
whom a person waits: scheduled callers first pass a ring of their own, `<endpoint> scheduled`, that lets through no more
than the rest. They take a use of the whole only when it is their turn there, so nothing of theirs lies ahead in that
ring, and who asks on demand waits for nobody as long as the share lasts. What nobody asks for on demand is not
given to scheduled callers: in a sliding window that is known only when it is over.

Measured by `bench/quota.py` (two cores, PostgreSQL 15 with fsync), against pyrate-limiter 4.5's PostgreSQL bucket:

- 8 processes x 8 threads, 600 in 6 s: this one had at most 600 in any window and used 97.5 % of the limit at
  1.1 ms CPU an acquire; the bucket had 637 in a window, because it knows no jitter between permit and arrival,
  and used 99.5 % at 3.4 ms, spent on polling for a table lock. With 4 x 4 both stayed within the limit.
- Limit lifted, 1 process x 8 threads: 15,000 acquires/s at 0.04 ms CPU; the bucket 800/s at 0.5 ms.
- A reservation costs one commit: 0.8 ms for one permit, 1.9 ms for 50 at once.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from tenacity import Retrying, retry_if_exception_type, sleep_using_event, stop_after_attempt
from tenacity.wait import wait_random_exponential

from tiktok_pipeline.tiktok.errors import RateLimitedError, TransientError
from tiktok_pipeline.warehouse.connection import AWAY, Warehouse

MAX_SLOTS = 1000  # the ring's size in ops.quota_slot
SMOOTH_TURNS = 10  # TikTok is said to mind bursts within a second; so do our own threads
JITTER_SHARE = 1 / 40  # of the window: 1.5 s of 60. Costs 2.4 % of the limit.
MAX_BATCH = 64
BATCH_SECONDS = 0.05  # a batch is what this process used in so long
PAUSE_KNOWN_SECONDS = 0.1  # how old the knowledge that there is no pause may be
MOST_AHEAD_SECONDS = 0.3  # how far ahead a permit may lie that a process reserves
SCHEDULED = " scheduled"  # after an endpoint's name: the ring of what scheduled callers may use


@dataclass(frozen=True, slots=True)
class _Pace:
    """Any `slots` + 1 uses in a row span `period_seconds` or more; a permit is good for `tolerance_seconds`."""

    slots: int
    period_seconds: float
    tolerance_seconds: float

    @property
    def a_second(self) -> float:
        return self.slots / self.period_seconds


@dataclass(frozen=True, slots=True)
class _Permit:
    """One request may be sent between two instants of this process's monotonic clock."""

    use_at: float
    stale_at: float


@dataclass(slots=True)
class _Endpoint:
    """What this process holds for one endpoint."""

    turn: threading.Lock = field(default_factory=threading.Lock)  # whose turn it is to wait for a permit
    lock: threading.Lock = field(default_factory=threading.Lock)
    permits: deque[_Permit] = field(default_factory=deque)
    batch: int = 1
    reserved_at: float = 0.0
    unpaused_at: float = 0.0


class Quota:
    """Permits for one TikTok app. Threads share it; every process makes its own.

    `on_demand_share` is the percentage that scheduled callers leave free; with `on_demand`, the caller is one for
    whom a person waits, and may use all of the limit. Captures are scheduled callers, also when a person starts them:
    they ask for thousands of pages. `window_seconds` is TikTok's 60; tests shorten it. A process that dies leaves
    nothing to clean up: permits that it had not used are lost, those of the next 0.3 s at most.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        client_key: str,
        requests_per_minute: int = 600,
        *,
        on_demand_share: int = 0,
        on_demand: bool = False,
        window_seconds: float = 60.0,
    ) -> None:
        self._whole = _whole(requests_per_minute, window_seconds)
        self._scheduled = None
        if on_demand_share and not on_demand:
            self._scheduled = _scheduled(self._whole, requests_per_minute, on_demand_share, window_seconds)
        self._ahead_seconds = max(MOST_AHEAD_SECONDS / 6, min(MOST_AHEAD_SECONDS, window_seconds / 200))
        self._warehouse = warehouse
        self._client_key = client_key
        self._closing = threading.Event()
        self._endpoints: dict[str, _Endpoint] = {}
        self._through_outages = Retrying(
            retry=retry_if_exception_type(AWAY),
            stop=stop_after_attempt(6),
            wait=wait_random_exponential(multiplier=0.2, max=10),
            sleep=sleep_using_event(self._closing),
            reraise=True,
        )

    def acquire(self, endpoint: str, *, deadline: float | None = None) -> None:
        """Return when one request to `endpoint` may be sent, now.

        Raises RateLimitedError, at once, when that will not be before `deadline` (`time.monotonic()`), and
        TransientError when the quota is closed meanwhile.
        """
        if self._scheduled is not None:
            self._acquire(endpoint + SCHEDULED, self._scheduled, deadline)
        self._acquire(endpoint, self._whole, deadline)

    def _acquire(self, endpoint: str, pace: _Pace, deadline: float | None) -> None:
        here = self._endpoints.setdefault(endpoint, _Endpoint())
        while True:
            permit = self._next_permit(endpoint, here, pace, deadline)
            # Asked just before the permit's moment: the answer must not make it late.
            self._wait_until(permit.use_at - PAUSE_KNOWN_SECONDS / 2, endpoint)
            if pace is self._whole and not self._not_paused(endpoint, here):
                continue
            self._wait_until(permit.use_at, endpoint)
            # An overslept permit belongs to a moment that is over: used now, it could break the limit.
            if time.monotonic() <= permit.stale_at:
                return

    def pause(self, endpoint: str, seconds: float) -> None:
        """Let nobody send to `endpoint` for so long: TikTok answered 429.

        Requests on their way excepted, every process obeys within PAUSE_KNOWN_SECONDS.
        """
        self._sql("quota/pause", endpoint, seconds=seconds)
        self._forget(self._endpoints.setdefault(endpoint, _Endpoint()))

    def close(self) -> None:
        """End every wait: `acquire` raises from now on."""
        self._closing.set()

    def _wait_until(self, instant: float, endpoint: str) -> None:
        wait = instant - time.monotonic()
        if self._closing.wait(wait) if wait > 0 else self._closing.is_set():
            raise TransientError("the quota was closed", code="closed", endpoint=endpoint, sent=False)

    def _next_permit(self, endpoint: str, here: _Endpoint, pace: _Pace, deadline: float | None) -> _Permit:
        if deadline is not None:
            permit = self._held_or_reserved(endpoint, here, pace, deadline - time.monotonic())
            if permit is None or permit.use_at > deadline:
                raise RateLimitedError(
                    "the quota has no room in the time given",
                    code="quota_exhausted",
                    endpoint=endpoint,
                    sent=False,
                )
            return permit
        with here.turn:
            # A process that is killed takes its permits along: it holds none of those that are further ahead.
            while (permit := self._held_or_reserved(endpoint, here, pace, self._ahead_seconds)) is None:
                self._wait_until(time.monotonic() + self._ahead_seconds / 2, endpoint)
            return permit

    def _held_or_reserved(
        self, endpoint: str, here: _Endpoint, pace: _Pace, patience: float
    ) -> _Permit | None:
        """The next permit, None when it lies further ahead than `patience` seconds."""
        with here.lock:
            while here.permits and here.permits[0].stale_at < time.monotonic():
                here.permits.popleft()
            if not here.permits:
                self._reserve(endpoint, here, pace, patience)
            return here.permits.popleft() if here.permits else None

    def _reserve(self, endpoint: str, here: _Endpoint, pace: _Pace, patience: float) -> None:
        """Reserve for the next moment: one permit when there is a wait, else what the last moment used up.

        A batch saves a commit per request when the limit is far away, and hoards nothing when it is near.
        """
        asked_at = time.monotonic()
        used_a_second = here.batch / max(asked_at - here.reserved_at, 0.001)
        moment = min(BATCH_SECONDS, pace.tolerance_seconds / 2)
        here.batch = max(1, min(int(used_a_second * moment), MAX_BATCH, pace.slots))
        waits = self._sql(
            "quota/reserve",
            endpoint,
            slots=pace.slots,
            period_seconds=pace.period_seconds,
            permits=here.batch,
            patience_seconds=max(patience, 0.0),
        )
        # The database said "now" somewhere between these two: sent after the later one, late by the earlier.
        answered_at = time.monotonic()
        here.reserved_at = here.unpaused_at = answered_at
        here.permits.extend(
            _Permit(
                use_at=answered_at + row["wait_seconds"],
                stale_at=asked_at + row["wait_seconds"] + pace.tolerance_seconds,
            )
            for row in waits
        )
        if not waits or waits[-1]["wait_seconds"] > 0:
            here.batch = 1
            here.reserved_at = 0.0

    def _not_paused(self, endpoint: str, here: _Endpoint) -> bool:
        """Whether the endpoint may be used, as known at most PAUSE_KNOWN_SECONDS ago."""
        asked_at = time.monotonic()
        if asked_at - here.unpaused_at < PAUSE_KNOWN_SECONDS:
            return True
        if self._sql("quota/paused", endpoint):
            self._forget(here)
            return False
        here.unpaused_at = asked_at
        return True

    def _forget(self, here: _Endpoint) -> None:
        with here.lock:
            here.permits.clear()
            here.unpaused_at = 0.0

    def _sql(self, name: str, endpoint: str, **parameters: Any) -> list[dict[str, Any]]:
        bound = {"client_key": self._client_key, "endpoint": endpoint, **parameters}
        return self._through_outages(self._warehouse.execute, name, bound)


def scheduled_a_minute(requests_per_minute: int, on_demand_share: int) -> float:
    """How many requests a minute scheduled callers come to, when they ask as fast as they may."""
    whole = _whole(requests_per_minute, 60.0)
    return 60 * min(whole.a_second, _scheduled(whole, requests_per_minute, on_demand_share, 60.0).a_second)


def _whole(limit: int, window: float) -> _Pace:
    jitter = window * JITTER_SHARE
    turns = _turns(limit)
    # Half of the jitter is for this process to wake up and send, half for the way to TikTok.
    return _Pace(limit // turns, (window + jitter) / turns, jitter / 2)


def _scheduled(whole: _Pace, limit: int, on_demand_share: int, window: float) -> _Pace:
    """The part of `whole` that is left: fewer slots, so that each turn has some free, at the rate that is left.

    Without jitter: this bound is ours, and TikTok's is kept by the whole.
    """
    percent = 100 - on_demand_share
    slots = max(1, whole.slots * percent // 100)
    return _Pace(slots, window * slots / (limit * percent / 100), whole.tolerance_seconds)


def _turns(limit: int) -> int:
    """How often the slots go round in one window: about ten times, so that requests come in small bursts.

    The limit holds for any number of turns: two uses of a slot are a period or more apart, so `turns` + 1 uses
    span turns x period = window + jitter, which is more than a window even when the first arrives late by the
    whole jitter. No slot is used more than `turns` times in a window, and slots x turns <= the limit. Among the
    numbers near ten, the one that wastes least of the limit is taken; a limit beyond 10,000 needs more turns,
    because there are only MAX_SLOTS slots.
    """
    fewest = -(-limit // MAX_SLOTS)
    return max(
        range(fewest, fewest + 20), key=lambda turns: (limit // turns * turns, min(turns, SMOOTH_TURNS))
    )
