"""Looks for what is wrong now, and beats: a heartbeat that stops is the alarm that no daemon can send.

It launches no run. What is open and what was told of it is remembered in the database.
"""

from __future__ import annotations

import time
from typing import Any

import dagster as dg
from dagster._core.scheduler.instigation import TickStatus

from tiktok_pipeline.alerts.heartbeat import beat, ping
from tiktok_pipeline.alerts.incidents import Facts, look
from tiktok_pipeline.alerts.viral import tell_of_viral
from tiktok_pipeline.defs.capture.asset import forecasts_of
from tiktok_pipeline.defs.partitions import settings
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.hub.words import one_line
from tiktok_pipeline.warehouse.connection import Warehouse, run

TICK_SECONDS = 30  # Dagster gives up on a tick after 60
FAILED_TICKS = 3
# The schedule of a day has so many ticks in it; those of a sensor that was removed are older some day.
RECENT_SECONDS = 4 * 86_400
ENDED = [TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.FAILURE]
LONGEST_ERROR = 300


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tell operators of what is wrong, once, and when it is over. Ask HEARTBEAT_URL.",
)
def incidents(context: dg.SensorEvaluationContext, warehouse: WarehouseResource) -> dg.SkipReason:
    """One look at all conditions. HEARTBEAT_URL is asked only after a whole one: it fails when a condition could not be
    looked at, and says which ones there was no time for.
    """
    with warehouse.opened() as opened:
        beat(opened, _daemon(context.instance))
        looked = look(opened, _facts(opened, context.instance), seconds=TICK_SECONDS)
        viral = tell_of_viral(opened, settings.reporting_timezone)
    if looked.broken:
        raise PipelineError("; ".join(f"condition {kind}: {why}" for kind, why in looked.broken.items()))
    if looked.left:
        return dg.SkipReason(f"{looked}; HEARTBEAT_URL was not asked")
    if settings.heartbeat_url is not None and not ping(settings.heartbeat_url.get_secret_value()):
        return dg.SkipReason(f"{looked}; HEARTBEAT_URL did not take the heartbeat")
    return dg.SkipReason(f"{looked}; {viral} viral videos told" if viral else str(looked))


def _facts(warehouse: Warehouse, instance: dg.DagsterInstance) -> Facts:
    zone = settings.reporting_timezone
    with warehouse.transaction() as cursor:
        [today] = run(cursor, "alerts/today", {"zone": zone})
    forecasts = [
        {
            "client_key": one.client_key,
            "accounts": one.accounts,
            "fits": one.fits,
            "fits_until": one.fits_until and one.fits_until.isoformat(),
            "words": str(one),
        }
        for one in forecasts_of(warehouse, today["day"])
    ]
    return Facts(
        zone,
        settings.deadline,
        settings.capture_deadline_percent,
        settings.daemon_silent_minutes,
        forecasts,
        failing_ticks(instance),
    )


def failing_ticks(instance: dg.DagsterInstance) -> list[dict[str, Any]]:
    """Each sensor and schedule that is on and whose latest ticks all failed, with the error of the latest."""
    failing = []
    after = time.time() - RECENT_SECONDS  # Dagster's clock, as it wrote them
    for state in instance.all_instigator_state():
        if not state.is_running:
            continue
        ticks = instance.get_ticks(
            state.instigator_origin_id, state.selector_id, after=after, limit=FAILED_TICKS, statuses=ENDED
        )
        if len(ticks) == FAILED_TICKS and all(tick.status == TickStatus.FAILURE for tick in ticks):
            error = ticks[0].tick_data.error
            words = one_line(error.message)[:LONGEST_ERROR] if error else "no cause given"
            failing.append({"name": state.instigator_name, "failures": FAILED_TICKS, "error": words})
    return failing


def _daemon(instance: dg.DagsterInstance) -> str:
    """Dagster's id of the daemon that runs sensors. Two at work write it by turns."""
    found = instance.get_daemon_heartbeats().get("SENSOR")
    return str(found.daemon_id) if found and found.daemon_id else "unknown"
