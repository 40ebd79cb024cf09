"""Events without their causes, and targets as the settings make them."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from tiktok_pipeline.events.targets import Target, targets_of
from tiktok_pipeline.settings import load_settings
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import rows

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


def targets(**settings: Any) -> list[Target]:
    """What these settings name."""
    secrets = {"redis_url", "rabbitmq_url", "event_webhooks", "event_webhook_secret"}
    if "event_webhooks" in settings:
        settings["event_webhook_secret"] = SECRET
    given = {name: SecretStr(value) if name in secrets else value for name, value in settings.items()}
    return targets_of(load_settings().model_copy(update=given))


def tell(warehouse: Warehouse, account: int, nth: int, event_type: str = "account.connected") -> str:
    """Write one event of an account, with a number in its data; its id."""
    [row] = rows(
        warehouse,
        """
        insert into ops.event (event_type, subject, data)
        values (%s, 'account:' || %s, jsonb_build_object('account_id', %s::int, 'nth', %s::int))
        returning event_id
        """,
        event_type,
        account,
        account,
        nth,
    )
    return str(row["event_id"])


def let_waits_pass(warehouse: Warehouse) -> None:
    """What waits for another attempt may be tried now."""
    rows(warehouse, "update ops.event_delivery set next_attempt_at = ops.now() where sent_at is null")
