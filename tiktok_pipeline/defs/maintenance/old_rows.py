"""Tables of the portal and of messages that would grow for ever.

What happened to accounts (`hub.status_change`), who deleted or archived what, and everything captured is history and
stays.
"""

import dagster as dg

from tiktok_pipeline.defs.partitions import settings
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.defs.retries import retry_when_transient
from tiktok_pipeline.warehouse.connection import Warehouse, run

KEEP_DAYS = 180

# Each statement takes a batch of its rows; transactions go before the links that they point to.
STATEMENTS = {
    "attempts": "portal/forget_attempts",
    "operator_sessions": "maintenance/forget_sessions",
    "oauth_transactions": "hub/forget_authorizations",
    "connect_links": "hub/forget_links",
    "webhook_events": "maintenance/forget_webhook_events",
    "messages": "maintenance/forget_messages",
    "texts_of_messages": "maintenance/blank_messages",
    "incidents": "maintenance/forget_incidents",
    "sync_jobs": "maintenance/forget_sync_jobs",
    "events": "maintenance/forget_events",
}


@dg.asset(key_prefix="maintenance", group_name="maintenance", kinds={"sql", "postgres"}, owners=["team:data"])
def old_rows(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """Limits, logins, transactions, links, messages, incidents, jobs, events: without what is of no use.

    Limits and logins go when they have ended, OAuth transactions a day and links a month after they expired, webhook
    events, events and messages, incidents and jobs that are over after 180 days (that a grant's end was told: after
    that end), and the text of a message when the link in it has expired.
    """
    with retry_when_transient(), warehouse.opened() as opened:
        forgotten = forget_old_rows(opened, settings.connect_link_days)
    context.log.info(", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in forgotten.items()))
    return dg.MaterializeResult(metadata=dict(forgotten))


def forget_old_rows(warehouse: Warehouse, link_days: int) -> dict[str, int]:
    """Forget what is old, batch by batch; how many rows of each kind. `link_days`: how long a connect link is good."""
    return {name: _until_none(warehouse, statement, link_days) for name, statement in STATEMENTS.items()}


def _until_none(warehouse: Warehouse, statement: str, link_days: int) -> int:
    total, batch = 0, None
    while batch != 0:
        with warehouse.transaction() as cursor:
            run(cursor, statement, {"keep_days": KEEP_DAYS, "link_days": link_days})
            batch = cursor.rowcount
        total += batch
    return total
