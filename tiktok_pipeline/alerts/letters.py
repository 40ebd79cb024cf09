"""What a channel is sent: a message as it is, or one letter for many of a kind."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tiktok_pipeline.alerts.outbox import OPERATORS, Attachment
from tiktok_pipeline.alerts.routes import RANKS

MOST_SINGLE = 5  # more of one kind for one recipient become one letter
EXAMPLES = 5
MOST_KEYS = 1000  # of a letter for many, in its details
MOST_TEXTS = 20  # in one letter to a store's contact


@dataclass(frozen=True)
class Letter:
    """What is sent at once. `key` is the same whenever it is sent again; `ids` are the messages in it.

    A letter for many has no `attachments`.
    """

    key: str
    kind: str
    severity: Literal["info", "warning", "error"]
    recipient: str
    subject: str
    body: str
    details: Mapping[str, Any]
    created_at: dt.datetime
    ids: tuple[int, ...]
    attachments: tuple[Attachment, ...] = field(default=())


def letters(rows: Sequence[Mapping[str, Any]], *, to_stores: bool) -> list[Letter]:
    """Messages of one channel, as `alerts/claim` gives them, as letters; errors first, then oldest first."""
    groups: dict[tuple[str, str, bool], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        passed_on = not to_stores and row["recipient"] != OPERATORS
        groups[row["recipient"] if to_stores else OPERATORS, row["kind"], passed_on].append(row)
    made: list[Letter] = []
    for (recipient, kind, passed_on), group in groups.items():
        if len(group) > MOST_SINGLE:
            most = len(group) if recipient == OPERATORS else MOST_TEXTS
            made += [_many(group[n : n + most], recipient, kind) for n in range(0, len(group), most)]
        else:
            made += [_to_pass_on(row) if passed_on else _single(row) for row in group]
    return sorted(made, key=lambda letter: (-RANKS[letter.severity], letter.ids))


def _single(row: Mapping[str, Any]) -> Letter:
    return Letter(
        key=row["key"],
        kind=row["kind"],
        severity=row["severity"],
        recipient=row["recipient"],
        subject=row["subject"],
        body=row["body"],
        details={
            **row["details"],
            "key": row["key"],
            "kind": row["kind"],
            "store_code": row["store_code"],
            "account_id": row["account_id"],
        },
        created_at=row["created_at"],
        ids=(row["id"],),
    )


def _to_pass_on(row: Mapping[str, Any]) -> Letter:
    """To the operators, as no channel reaches this contact."""
    single = _single(row)
    who = f"{row['pic_name'] or 'the person in charge'}, {row['recipient']}"
    fields = {**single.__dict__, "recipient": OPERATORS, "subject": f"Please pass on: {single.subject}"}
    return Letter(**{**fields, "body": f"Please pass on to {who}:\n\n{single.body}"})


def _many(group: Sequence[Mapping[str, Any]], recipient: str, kind: str) -> Letter:
    """One letter: to operators the count and the first as examples; a store's contact needs every link."""
    count = len(group)
    if recipient == OPERATORS:
        examples = "\n".join(f"- {row['subject']}" for row in group[:EXAMPLES])
        body = f"{examples}\n- and {count - EXAMPLES} more: tiktok-pipeline alerts list --all"
    else:
        body = "\n\n".join(f"{row['subject']}\n\n{row['body']}" for row in group)
    keys = [row["key"] for row in group]
    return Letter(
        key=f"many:{kind}:{group[0]['id']}-{group[-1]['id']}:{count}",
        kind=kind,
        severity=max((row["severity"] for row in group), key=RANKS.__getitem__),
        recipient=recipient,
        subject=f"{count} messages: {kind.replace('_', ' ')}",
        body=body,
        details={"count": count, "kind": kind, "keys": keys[:MOST_KEYS]},
        created_at=group[0]["created_at"],
        ids=tuple(row["id"] for row in group),
    )
