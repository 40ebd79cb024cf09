"""Muting: what operators want to hear nothing of for a while. Its messages are kept, marked, and never sent."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

import psycopg

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.warehouse.connection import Warehouse

DURATION = re.compile(r"([1-9][0-9]{0,3})([mhd])")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
ACCOUNT = re.compile(r"account:([1-9][0-9]{0,17})")
KIND = re.compile(r"[a-z][a-z0-9_]{0,59}")


@dataclass(frozen=True)
class Mute:
    """A mute that is not over; `what` as it was typed, `messages` it has kept back so far."""

    what: str
    begins_at: dt.datetime
    ends_at: dt.datetime
    messages: int


def mute(warehouse: Warehouse, what: str, how_long: str) -> dt.datetime:
    """Mute a kind, or `account:ID`, for `30m`, `8h` or `3d` from now; until when. PipelineError when mistyped."""
    try:
        [made] = warehouse.execute("alerts/mute", {**_meant(what), "how_long": _duration(how_long)})
    except psycopg.errors.ForeignKeyViolation:
        raise PipelineError(
            f"{what}: there is no such account. Look it up: tiktok-pipeline account list"
        ) from None
    until: dt.datetime = made["ends_at"]
    return until


def end_mute(warehouse: Warehouse, what: str) -> None:
    """Hear of it again; PipelineError when it is not muted."""
    if not warehouse.execute("alerts/end_mute", _meant(what)):
        raise PipelineError(f"{what}: not muted. See what is: tiktok-pipeline alerts mute --list")


def mutes(warehouse: Warehouse) -> list[Mute]:
    """What is muted now."""
    return [
        Mute(row["kind"] or f"account:{row['account_id']}", row["begins_at"], row["ends_at"], row["messages"])
        for row in warehouse.execute("alerts/mutes")
    ]


def _meant(what: str) -> dict[str, str | int | None]:
    if account := ACCOUNT.fullmatch(what):
        return {"kind": None, "account_id": int(account[1])}
    if not KIND.fullmatch(what):
        raise PipelineError(f"{what!r}: give a kind such as reconnected, or account:12.")
    return {"kind": what, "account_id": None}


def _duration(text: str) -> dt.timedelta:
    found = DURATION.fullmatch(text)
    if not found:
        raise PipelineError(f"{text!r}: give how long as 30m, 8h or 3d.")
    return dt.timedelta(**{UNITS[found[2]]: int(found[1])})
