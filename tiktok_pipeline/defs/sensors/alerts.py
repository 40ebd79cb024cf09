"""Sends what waits in the outbox. It launches no run, and what was sent is remembered in the database.

Without ALERT_URLS and DIGEST_URLS nothing is sent; `tiktok-pipeline alerts list` shows what waits.
"""

import dagster as dg

from tiktok_pipeline.alerts.delivery import deliver
from tiktok_pipeline.defs.partitions import settings
from tiktok_pipeline.defs.resources import WarehouseResource

TICK_SECONDS = 25  # Dagster gives up on a tick after 60, and the last letter may take its time


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Send the messages to stores and operators through the channels of ALERT_URLS and DIGEST_URLS.",
)
def alerts(warehouse: WarehouseResource) -> dg.SkipReason:
    """One pass over what is due."""
    if not settings.channels:
        return dg.SkipReason("neither ALERT_URLS nor DIGEST_URLS is set: messages are only listed")
    with warehouse.opened() as opened:
        done = deliver(opened, settings.channels, settings.zone, quiet=settings.quiet, seconds=TICK_SECONDS)
    return dg.SkipReason(str(done))
