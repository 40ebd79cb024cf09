"""An event as it leaves: the envelope that is its body, and the CloudEvents attributes beside it.

The SQL that changes something writes the event with it, into `ops.event`. The schemas of all of them are files:
`client/tiktok_pipeline_client/schemas`.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MEDIA_TYPE = "application/json"


@dataclass(frozen=True)
class Event:
    """What happened. `id` is the order of writing; `occurred_at` is aware; `subject` is what it happened to."""

    id: int
    event_id: uuid.UUID
    event_type: str
    version: int
    occurred_at: dt.datetime
    subject: str
    data: Mapping[str, Any]

    @property
    def body(self) -> bytes:
        """The envelope, as JSON in UTF-8."""
        return json.dumps(
            {
                "event_id": str(self.event_id),
                "event_type": self.event_type,
                "version": self.version,
                "occurred_at": self._time,
                "data": self.data,
            },
            ensure_ascii=False,
            separators=(",", ":"),
        ).encode()

    def attributes(self, source: str) -> dict[str, str]:
        """CloudEvents 1.0: the attributes that stand beside the body. `source` is the address of this installation."""
        return {
            "specversion": "1.0",
            "id": str(self.event_id),
            "type": self.event_type,
            "source": source,
            "subject": self.subject,
            "time": self._time,
            "datacontenttype": MEDIA_TYPE,
            "dataschema": f"urn:tiktok-pipeline:event:{self.event_type}:v{self.version}",
        }

    @property
    def _time(self) -> str:
        return self.occurred_at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
