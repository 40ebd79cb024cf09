"""The portal looks after Dagster's daemon: when its heartbeat stops, the portal tells people itself."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Self

from tiktok_pipeline.alerts.delivery import deliver
from tiktok_pipeline.alerts.heartbeat import last_beat
from tiktok_pipeline.alerts.incidents import Facts, look
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.events.delivery import deliver as deliver_events
from tiktok_pipeline.events.targets import targets_of
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.connection import AWAY, Warehouse

EVERY_SECONDS = 60.0
KIND = "daemon_silent"

log = logging.getLogger(__name__)


class DaemonWatch:
    """A thread that looks every minute while the block runs."""

    def __init__(self, warehouse: Warehouse, settings: Settings, every: float = EVERY_SECONDS) -> None:
        self._warehouse = warehouse
        self._settings = settings
        self._every = every
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="daemon watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._ended.wait(self._every):
            try:
                watch_daemon(self._warehouse, self._settings)
            except (PipelineError, *AWAY) as reason:
                log.warning("the daemon could not be looked after: %s", reason)


def watch_daemon(warehouse: Warehouse, settings: Settings) -> bool:
    """Whether the daemon is silent. Then the portal also sends what waits, as nobody else does."""
    facts = Facts(settings.reporting_timezone, silent_minutes=settings.daemon_silent_minutes)
    look(warehouse, facts, [KIND])
    latest = last_beat(warehouse)
    silent = latest is not None and latest.minutes > settings.daemon_silent_minutes
    if silent:
        deliver(warehouse, settings.channels, settings.zone, quiet=settings.quiet)
        deliver_events(warehouse, targets_of(settings))
    return silent
