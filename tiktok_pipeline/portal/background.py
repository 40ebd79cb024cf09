"""What a portal does beside answering: a thread as long as the portal lives, which outlives a database that is away."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Self

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.warehouse.connection import AWAY

log = logging.getLogger(__name__)


class Background:
    """Does `work` again and again while the block runs, `rest` seconds after it ended or failed.

    `work` may go on for as long as `ended` is not set.
    """

    def __init__(self, name: str, rest: float) -> None:
        self.ended = threading.Event()
        self._rest = rest
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        self._thread.join(5)

    def work(self) -> None:
        """One piece of it."""
        raise NotImplementedError

    def _run(self) -> None:
        while not self.ended.is_set():
            try:
                self.work()
            except (PipelineError, *AWAY) as reason:
                log.warning("%s: %s", self._thread.name, reason)
            self.ended.wait(self._rest)
