"""When a snapshot or report changes, every portal learns it from PostgreSQL, and what it keeps is no longer current."""

from __future__ import annotations

from tiktok_pipeline.portal.background import Background
from tiktok_pipeline.warehouse.connection import Warehouse

LOOK_SECONDS = 5.0  # a notification comes at once; a pooler in between may swallow it
REST_SECONDS = 1.0  # while the database is away


class DataVersion(Background):
    """The version of what is derived, followed while the block runs.

    It holds one connection. While the database is away the version stays what it was, since nothing else can be read.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        super().__init__("following changes of the data", REST_SECONDS)
        self.now = 0
        self._warehouse = warehouse

    def work(self) -> None:
        """Follow it, for as long as the connection lasts."""
        with self._warehouse.session() as connection:
            connection.execute("listen data_changed")
            while not self.ended.is_set():
                [row] = self._warehouse.execute("runtime/data_version")
                self.now = int(row["version"])
                waited = 0.0
                while waited < LOOK_SECONDS and not self.ended.is_set():
                    for notice in connection.notifies(timeout=LOOK_SECONDS / 10):
                        self.now = max(self.now, int(notice.payload))
                    waited += LOOK_SECONDS / 10
