"""How often a service may ask: so many times in each minute, counted by name; with Redis over all portals."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tiktok_pipeline.portal.api.redis import Redis

PERIOD_SECONDS = 60
TELL_SECONDS = 0.25
FEW = 10


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a service has left of `most` requests, for the `seconds` until the next period begins."""

    most: int
    left: int
    seconds: int

    @property
    def used_up(self) -> bool:
        """Whether this request is one too many."""
        return self.left < 0

    @property
    def headers(self) -> dict[str, str]:
        """It in the headers RateLimit and RateLimit-Policy, as the IETF's draft has them."""
        said = {
            "RateLimit-Policy": f'"service";q={self.most};w={PERIOD_SECONDS}',
            "RateLimit": f'"service";r={max(0, self.left)};t={self.seconds}',
        }
        return said | ({"Retry-After": str(self.seconds)} if self.used_up else {})


@dataclass(slots=True)
class _Count:
    """The requests of a service in one period: all that are known, and those not told yet."""

    total: int = 0
    untold: int = 0
    told_at: float = 0.0


class Limits:
    """Counts the requests of one period, and forgets those of the one before.

    What this portal has counted it tells Redis four times a second, and each time when not much is left.
    """

    def __init__(self, most: int, shared: Redis | None = None) -> None:
        self._most = most
        self._shared = shared
        self._period = 0
        self._counts: dict[str, _Count] = {}

    async def take(self, service: str) -> Allowance:
        """Count a request of `service`; what it has left then."""
        now = time.time()
        period = int(now // PERIOD_SECONDS)
        if period != self._period:
            self._period, self._counts = period, {}
        count = self._counts.setdefault(service, _Count())
        count.total += 1
        count.untold += 1
        if self._shared is not None and self._is_time_to_tell(count, now):
            told, count.untold, count.told_at = count.untold, 0, now
            of_all = await self._shared.add(f"asked:{service}:{period}", told, 2 * PERIOD_SECONDS)
            count.total = max(count.total, (of_all or 0) + count.untold)
        seconds = max(1, round((period + 1) * PERIOD_SECONDS - now))
        return Allowance(self._most, self._most - count.total, seconds)

    def _is_time_to_tell(self, count: _Count, now: float) -> bool:
        left = self._most - count.total
        return now - count.told_at > TELL_SECONDS or (left >= 0 and left < FEW)
