"""How a command that serves ends: Ctrl-C or SIGTERM, in order, without noise."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quietly_stopped() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the block in order, and the command succeeds; further ones change nothing."""
    with contextlib.suppress(KeyboardInterrupt, _Stopped), _uninterrupted_end():
        yield


class _Stopped(BaseException):
    """SIGINT or SIGTERM arrived."""


@contextmanager
def _uninterrupted_end() -> Iterator[None]:
    def stop(_number: int, _frame: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        sys.stderr.write("stopping …\n")
        raise _Stopped

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
