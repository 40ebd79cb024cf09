"""The outbox: messages to people, written in the transaction of what they are about.

So nothing is told that did not happen and nothing that happened is forgotten. `key` names what a message is
about; a second message with the same key is not written.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

import psycopg
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from tiktok_pipeline.hub.words import one_line, storable
from tiktok_pipeline.warehouse.connection import Warehouse, run

OPERATORS = "operators"
MOST_LISTED = 1000

Severity = Literal["info", "warning", "error"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Message:
    """What is told to whom: `recipient` is OPERATORS or a store's contact. `details` are the facts, for programs."""

    key: str
    kind: str
    severity: Severity
    recipient: str
    subject: str
    body: str
    account_id: int | None = None
    store_code: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Attachment:
    """What a message has beside its text: HTML in UTF-8, or a picture that the HTML shows as `cid:<name>`."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Delivery:
    """How far one channel is with a message; `error` is why its latest attempt failed."""

    channel: str
    attempts: int
    sent: bool
    given_up: bool
    error: str | None


@dataclass(frozen=True)
class Listed:
    """A message in the outbox. Times are aware; `sent_at` is None while it waits, `muted_at` unless it was muted,
    `given_up_at` unless all of its channels were given up.

    `is_routed` says that its channels are known: with no `deliveries` then, none of them wants it.
    """

    id: int
    message: Message
    created_at: dt.datetime
    sent_at: dt.datetime | None
    muted_at: dt.datetime | None
    given_up_at: dt.datetime | None
    is_routed: bool
    deliveries: list[Delivery]


def put(
    cursor: psycopg.Cursor[DictRow],
    *,
    key: str,
    kind: str,
    severity: Severity,
    recipient: str,
    subject: str,
    body: str,
    account_id: int | None = None,
    store_code: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> bool:
    """Whether the message is new; it is written in the caller's transaction."""
    message = Message(key, kind, severity, recipient, subject, body, account_id, store_code, details or {})
    return put_all(cursor, [message]) == 1


def put_all(cursor: psycopg.Cursor[DictRow], messages: Sequence[Message]) -> int:
    """How many of the messages are new; they are written in the caller's transaction, in one statement."""
    if not messages:
        return 0
    cleaned = [
        {**asdict(message), "subject": one_line(message.subject), "body": storable(message.body)}
        for message in messages
    ]
    new = {row["key"] for row in run(cursor, "alerts/put", {"messages": Jsonb(cleaned)})}
    for message in messages:
        if message.key in new:  # the body may hold a link, the recipient a phone number: neither is logged
            who = OPERATORS if message.recipient == OPERATORS else f"contact of store {message.store_code}"
            log.info("to %s: %s", who, one_line(message.subject))
    return len(new)


def attach(cursor: psycopg.Cursor[DictRow], key: str, attachments: Sequence[Attachment]) -> None:
    """Give a message that was just written what it has beside its text; it is kept until the message is sent."""
    for one in attachments:
        run(cursor, "alerts/attach", {"key": key, **asdict(one)})


def written(warehouse: Warehouse, keys: Sequence[str]) -> set[str]:
    """Those of `keys` under which there is a message, sent or not."""
    return {row["key"] for row in warehouse.execute("alerts/written", {"keys": list(keys)})}


def pending(warehouse: Warehouse, most: int = MOST_LISTED) -> list[Listed]:
    """The newest messages that wait to be sent, or that a channel was given up for, oldest first."""
    return _listed(warehouse, all_of_them=False, most=most)


def list_messages(warehouse: Warehouse, most: int = MOST_LISTED) -> list[Listed]:
    """The newest messages, oldest first, also those that were sent or muted."""
    return _listed(warehouse, all_of_them=True, most=most)


def _listed(warehouse: Warehouse, *, all_of_them: bool, most: int) -> list[Listed]:
    rows = warehouse.execute("alerts/list", {"all": all_of_them, "most": most})
    own = ("id", "created_at", "sent_at", "muted_at", "given_up_at", "is_routed")
    return [
        Listed(
            message=Message(**{part.name: row[part.name] for part in fields(Message)}),
            **{name: row[name] for name in own},
            deliveries=[Delivery(**delivery) for delivery in row["deliveries"]],
        )
        for row in rows
    ]
