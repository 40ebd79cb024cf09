"""What the sandbox was asked: counts, the fullest sliding window, and a log for tests."""

import time
from collections import Counter, defaultdict, deque
from datetime import UTC, datetime
from typing import Any

_LOG_LENGTH = 200_000


class FullestWindow:
    """The highest number of events seen in any sliding window."""

    def __init__(self) -> None:
        self._events: deque[float] = deque()
        self.highest = 0

    def add(self, moment: float, window: float) -> None:
        """Count an event at a moment (monotonic seconds)."""
        events = self._events
        events.append(moment)
        oldest = moment - window
        while events[0] <= oldest:
            events.popleft()
        self.highest = max(self.highest, len(events))


class RequestLog:
    """Counts every request to a TikTok address. Times are real, not the sandbox's."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._statuses: dict[str, Counter[int]] = defaultdict(Counter)
        self._windows: dict[str, FullestWindow] = defaultdict(FullestWindow)
        self._first: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._log: deque[list[Any]] = deque(maxlen=_LOG_LENGTH)

    def arrived(self, method: str, endpoint: str, window: float) -> list[Any]:
        """Note an arrival; return its line, to be completed by `answered`."""
        now = time.time()
        self._first.setdefault(endpoint, now)
        self._last[endpoint] = now
        self._windows[endpoint].add(time.monotonic(), window)
        line = [now, method, endpoint, None, 0, None]
        self._log.append(line)
        return line

    def answered(
        self, line: list[Any], status: int, open_id: str | None = None, cursor: object = None
    ) -> None:
        """Note how a request ended: its status (0: no answer), and whom and what it asked for."""
        line[3:] = [open_id, status, cursor]
        self._statuses[line[2]][status] += 1

    def report(self, *, log: bool) -> dict[str, Any]:
        """Return the counts per endpoint; with `log` also the last 200,000 requests."""
        endpoints = {
            endpoint: {
                "count": sum(statuses.values()),
                "statuses": {str(status): count for status, count in sorted(statuses.items())},
                "rate_limited": statuses[429],
                "max_in_window": self._windows[endpoint].highest,
                "first": _iso(self._first[endpoint]),
                "last": _iso(self._last[endpoint]),
            }
            for endpoint, statuses in self._statuses.items()
            if endpoint
            in self._first  # not one that came before everything was forgotten and was answered since
        }
        report: dict[str, Any] = {
            "total": sum(e["count"] for e in endpoints.values()),
            "endpoints": endpoints,
        }
        if log:
            names = ("time", "method", "endpoint", "open_id", "status", "cursor")
            report["log"] = [dict(zip(names, [_iso(line[0]), *line[1:]], strict=True)) for line in self._log]
        return report


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, tz=UTC).isoformat().replace("+00:00", "Z")
