"""When a snapshot or report changes, every portal learns it from PostgreSQL, and what it keeps is no longer current."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Self

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.warehouse.connection import AWAY, Warehouse

LOOK_SECONDS = 5.0  # a notification comes at once; a pooler in between may swallow it
REST_SECONDS = 1.0  # while the database is away

log = logging.getLogger(__name__)


class DataVersion:
    """The version of what is derived, followed in a thread while the block runs.

    It holds one connection. While the database is away the version stays what it was, since nothing else can be read.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        self.now = 0
        self._warehouse = warehouse
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="data version", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._follow()
            except (PipelineError, *AWAY) as reason:
                log.warning("changes of the data are not followed: %s", reason)
                self._ended.wait(REST_SECONDS)

    def _follow(self) -> None:
        with self._warehouse.session() as connection:
            connection.execute("listen data_changed")
            while not self._ended.is_set():
                [row] = self._warehouse.execute("runtime/data_version")
                self.now = int(row["version"])
                waited = 0.0
                while waited < LOOK_SECONDS and not self._ended.is_set():
                    for notice in connection.notifies(timeout=LOOK_SECONDS / 10):
                        self.now = max(self.now, int(notice.payload))
                    waited += LOOK_SECONDS / 10
