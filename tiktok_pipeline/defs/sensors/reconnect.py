"""Watches the accounts' status: tells people whose account needs them, and catches up when it is connected again.

What was told is remembered in the database, so a tick that is repeated tells nothing twice. The cursor remembers only
for which connected accounts today was seen to: a tick that dies after its commit is simply looked at again, and one
that is asked for again has the same run key, which Dagster launches once.
"""

from __future__ import annotations

import json
from typing import Any

import dagster as dg

from tiktok_pipeline.defs.jobs import daily, dates_in_work
from tiktok_pipeline.defs.partitions import settings
from tiktok_pipeline.defs.resources import ConnectLinksResource, WarehouseResource
from tiktok_pipeline.defs.schedules import FIRST
from tiktok_pipeline.hub.flags import CatchUp, look_for_catch_up, tell_people

MOST_CHANGES = 100  # of one tick; the rest is for the next
TICK_SECONDS = 40  # Dagster gives up on a tick after 60


@dg.sensor(
    job=daily,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tell people when an account must be reconnected, and capture today when it is connected again.",
)
def reconnect(
    context: dg.SensorEvaluationContext, warehouse: WarehouseResource, links: ConnectLinksResource
) -> dg.SensorResult:
    """Handle what changed, then ask for at most one run of today."""
    after = _seen(context.cursor)
    with warehouse.opened() as opened:
        told = tell_people(opened, links.over(opened), settings.zone, most=MOST_CHANGES, seconds=TICK_SECONDS)
        found = look_for_catch_up(opened, settings.zone, after)
    said = f"{told} changes handled; "
    if found.newest_lacking is None:
        return _skip(said + "every connected account has its captures of today", found.newest)
    if found.hour < FIRST.hour:
        return _skip(said + f"the run at {FIRST:%H:%M} captures what was connected", found.newest)
    if found.day in dates_in_work(context.instance):
        # That run may have planned before the account was connected, or it may not have: when it has ended, the
        # ledger tells. A second run beside it would only wait for the same pool.
        return _skip(said + f"{found.accounts} connected accounts wait for the run of today to end", after)
    return dg.SensorResult(run_requests=[_run_of(found)], cursor=_cursor(found.newest))


def _run_of(found: CatchUp) -> dg.RunRequest:
    return dg.RunRequest(run_key=f"connected {found.newest_lacking}", partition_key=str(found.day))


def _skip(why: str, seen: int) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=why, cursor=_cursor(seen))


def _cursor(seen: int) -> str:
    return json.dumps({"connected": seen})


def _seen(cursor: str | None) -> int:
    """The newest change to CONNECTED that was seen to; 0 at the first tick and after a reset."""
    try:
        stored: Any = json.loads(cursor or "{}")
        return int(stored["connected"])
    except (ValueError, KeyError, TypeError):
        return 0
