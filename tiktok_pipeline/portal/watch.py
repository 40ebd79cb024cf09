"""The portal looks after Dagster's daemon: when its heartbeat stops, the portal tells people itself."""

from __future__ import annotations

from tiktok_pipeline.alerts.delivery import deliver
from tiktok_pipeline.alerts.heartbeat import last_beat
from tiktok_pipeline.alerts.incidents import Facts, look
from tiktok_pipeline.events.delivery import deliver as deliver_events
from tiktok_pipeline.events.targets import targets_of
from tiktok_pipeline.portal.background import Background
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.connection import Warehouse

EVERY_SECONDS = 60.0
KIND = "daemon_silent"


class DaemonWatch(Background):
    """Looks every minute while the block runs."""

    def __init__(self, warehouse: Warehouse, settings: Settings, every: float = EVERY_SECONDS) -> None:
        super().__init__("looking after the daemon", rest=0)
        self._warehouse = warehouse
        self._settings = settings
        self._every = every

    def work(self) -> None:
        """One look, once the portal has been up for as long as there is between two."""
        if not self.ended.wait(self._every):
            watch_daemon(self._warehouse, self._settings)


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
