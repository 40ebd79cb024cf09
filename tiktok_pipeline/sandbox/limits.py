"""TikTok's rate limit: at most N requests in any sliding window, per client key and endpoint."""

from collections import defaultdict, deque


class SlidingLog:
    """Remembers the moments of what was let through; refused requests do not prolong the wait."""

    def __init__(self) -> None:
        self._passed: dict[tuple[str, str], deque[float]] = defaultdict(deque)

    def allows(self, key: tuple[str, str], now: float, limit: int, window: float) -> bool:
        """Count a request at `now` (monotonic seconds); return False when it is one too many."""
        if limit == 0:
            return True
        passed = self._passed[key]
        oldest = now - window
        while passed and passed[0] <= oldest:
            passed.popleft()
        if len(passed) >= limit:
            return False
        passed.append(now)
        return True

    def reset(self) -> None:
        """Forget all windows, as when the limit changes."""
        self._passed.clear()
