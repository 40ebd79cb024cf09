"""Delivers what waits in ops.event. It launches no run, and what was delivered is remembered in the database.

Without REDIS_URL, RABBITMQ_URL and EVENT_WEBHOOKS nothing is delivered; `tiktok-pipeline events list` shows what waits.
"""

import dagster as dg

from tiktok_pipeline.defs.partitions import settings
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.events.delivery import deliver
from tiktok_pipeline.events.targets import targets_of

TICK_SECONDS = 25  # Dagster gives up on a tick after 60, and the last event may take its time


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Deliver events to Redis, RabbitMQ and webhooks, whichever are in the settings.",
)
def events(warehouse: WarehouseResource) -> dg.SkipReason:
    """One pass over what is due."""
    targets = targets_of(settings)
    if not targets:
        return dg.SkipReason(
            "none of REDIS_URL, RABBITMQ_URL and EVENT_WEBHOOKS is set: events are only listed"
        )
    with warehouse.opened() as opened:
        done = deliver(opened, targets, seconds=TICK_SECONDS)
    return dg.SkipReason(str(done))
