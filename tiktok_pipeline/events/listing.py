"""The events that there are, and how far each target is with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tiktok_pipeline.events.event import Event
from tiktok_pipeline.warehouse.connection import Warehouse


@dataclass(frozen=True)
class Delivery:
    """How far one target is with an event; `error` is why its latest attempt failed."""

    target: str
    sent: bool
    given_up: bool
    error: str | None


@dataclass(frozen=True)
class Listed:
    """An event and its deliveries, none while no target is configured."""

    event: Event
    deliveries: Sequence[Delivery]


def list_events(
    warehouse: Warehouse, *, event_type: str | None = None, waiting: bool = False, most: int = 50
) -> list[Listed]:
    """The newest events, oldest first; `waiting`: only those that a target waits for or that were given up."""
    rows = warehouse.execute("events/list", {"type": event_type, "waiting": waiting, "most": most})
    return [
        Listed(deliveries=[Delivery(**delivery) for delivery in row.pop("deliveries")], event=Event(**row))
        for row in rows
    ]
