"""The envelope of an event, and its schema."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any


class DeadLetter(Exception):
    """It will never be taken, however often it comes: no event, or a version that nobody here knows."""


@dataclass(frozen=True)
class Event:
    """What happened. `occurred_at` is aware. An event that comes again has the same `event_id`."""

    event_id: str
    event_type: str
    version: int
    occurred_at: dt.datetime
    data: Mapping[str, Any]


def parse(body: bytes | str) -> Event:
    """The event in a message's body. Fields that it has beside stay: a version may grow. Raises DeadLetter."""
    try:
        found = json.loads(body)
        event = Event(
            event_id=found["event_id"],
            event_type=found["event_type"],
            version=found["version"],
            occurred_at=dt.datetime.fromisoformat(found["occurred_at"]),
            data=found["data"],
        )
    except (ValueError, TypeError, KeyError) as error:
        raise DeadLetter(f"no event: {type(error).__name__} {error}") from None
    texts = isinstance(event.event_id, str) and isinstance(event.event_type, str)
    if not texts or type(event.version) is not int or not isinstance(event.data, dict):
        raise DeadLetter("no event: its fields have other types")
    if event.occurred_at.tzinfo is None:
        raise DeadLetter("no event: occurred_at has no time zone")
    return event


def schemas() -> dict[tuple[str, int], dict[str, Any]]:
    """The JSON Schema of each event type and version."""
    folder = resources.files("tiktok_pipeline_client") / "schemas"
    found = {}
    for file in folder.iterdir():
        event_type, _, version = file.name.removesuffix(".json").rpartition(".v")
        found[event_type, int(version)] = json.loads(file.read_text(encoding="utf-8"))
    return found
