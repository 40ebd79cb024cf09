"""How long new tokens were in memory alone: from TikTok's answer until the spool file is on disk.

A process that dies within loses the pair, so the time is watched.
"""

from __future__ import annotations

import threading
from collections import deque

REMEMBERED = 1000


class UnprotectedWindow:
    """The windows of this process, in seconds. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest: deque[float] = deque(maxlen=REMEMBERED)
        self.count = 0
        self.longest = 0.0

    def note(self, seconds: float) -> None:
        """Count a window."""
        with self._lock:
            self._latest.append(seconds)
            self.count += 1
            self.longest = max(self.longest, seconds)

    @property
    def p99(self) -> float:
        """The longest but one percent of the latest thousand; 0 when there was none."""
        with self._lock:
            ordered = sorted(self._latest)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] if ordered else 0.0
