"""The portals that answer for one installation: asked in turn, and let alone while they fail."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence


class Instance:
    """One portal and its breaker: closed while it answers, open after `failures` in a row for `rest` seconds, then
    half open, when one request may try it.
    """

    def __init__(self, url: str, failures: int, rest: float, clock: Callable[[], float]) -> None:
        self.url = url.rstrip("/")
        self._most = failures
        self._rest = rest
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._open_until = 0.0

    @property
    def state(self) -> str:
        """`closed`, `open` or `half open`."""
        if self._failures < self._most:
            return "closed"
        return "open" if self._clock() < self._open_until else "half open"

    def may_be_asked(self) -> bool:
        """Whether to ask it now. Of those who ask a half open one, the first may."""
        with self._lock:
            if self.state == "closed":
                return True
            if self.state == "open":
                return False
            self._open_until = self._clock() + self._rest
            return True

    def answered(self) -> None:
        """It works."""
        with self._lock:
            self._failures = 0

    def failed(self) -> None:
        """It did not answer, or said that it cannot."""
        with self._lock:
            self._failures += 1
            self._open_until = self._clock() + self._rest


class Instances:
    """Some portals of the same installation."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        failures: int = 3,
        rest: float = 15,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not urls:
            raise ValueError("no instance: give the address of a portal, e.g. https://stores.example.com")
        self.all = [Instance(url, failures, rest, clock) for url in urls]
        self._turn = itertools.count()

    def in_turn(self, is_healthy: Callable[[Instance], bool]) -> Instance | None:
        """The next that may be asked; None when none may. One that was let alone is asked for its health first."""
        start = next(self._turn)
        for nth in range(len(self.all)):
            instance = self.all[(start + nth) % len(self.all)]
            was_closed = instance.state == "closed"
            if instance.may_be_asked() and (was_closed or is_healthy(instance)):
                return instance
        return None
