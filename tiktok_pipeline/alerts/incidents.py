"""Incidents: what is wrong now and may end. Each is told once, with reminders while it lasts, and once when it is over.

A condition is one file of `sql/conditions`; its name is the kind. A row of it is a cause that is there now: how severe,
in which words, how many, at most five examples, for how long it must be there before it is told (`settle`) and away
before it is over (`away`). If it says whom it hits (`members`), others than were told of are a reason to tell it
again. Here the rows are compared with what is open in `ops.incident`.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from tiktok_pipeline.alerts.outbox import OPERATORS, Message, put_all
from tiktok_pipeline.project_files import project_file
from tiktok_pipeline.warehouse.connection import Warehouse, reason, run

log = logging.getLogger(__name__)

MOST_NEWCOMERS = 5
PREFIX = {"over": "over: ", "reminder": "still: ", "worse": "worse: ", "others": "others, too: "}
GONE = "It is not so any more. Nothing is to be done."
# What ends by growing old does not say that it was mended.
OVER = {
    "check_failed": "No day of the last week fails it now. Days before may: `tiktok-pipeline broken` lists them.",
    "gaps": "The latest day has none. The days that it was told of stay gaps: TikTok cannot be asked for the past.",
    "late_capture": "The day is captured as wanted, or over: what it lacks then is a gap.",
}


@dataclass(frozen=True)
class Facts:
    """What conditions are told beside the database.

    `zone` is the reporting time zone's name; by `deadline`, in that zone, `deadline_percent` of a day is to be
    captured; a daemon is silent after `silent_minutes`. `forecasts` has client_key, accounts, fits, fits_until and
    words of each TikTok app; `ticks` name, failures and error of each sensor or schedule whose latest ticks failed.
    """

    zone: str
    deadline: dt.time = dt.time(6)
    deadline_percent: int = 99
    silent_minutes: int = 10
    forecasts: Sequence[Mapping[str, Any]] = field(default=())
    ticks: Sequence[Mapping[str, Any]] = field(default=())

    def parameters(self) -> dict[str, Any]:
        """Bound to every condition."""
        return {
            **self.__dict__,
            "forecasts": Jsonb(list(self.forecasts)),
            "ticks": Jsonb(list(self.ticks)),
        }


@dataclass
class Looked:
    """What one look came to. `broken` are conditions that could not be looked at, with why: nothing of them ends."""

    found: int = 0
    told: int = 0
    broken: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        said = f"{self.found} found, {self.told} messages"
        return said + (f"; no time for {', '.join(self.left)}" if self.left else "")


@dataclass(frozen=True)
class Open:
    """An incident that is not over. Times are aware; `told_at` is None while it settles."""

    kind: str
    cause: str
    severity: str
    subject: str
    count: int
    first_seen_at: dt.datetime
    missing_since: dt.datetime | None
    told_at: dt.datetime | None
    next_reminder_at: dt.datetime | None


@cache
def conditions() -> tuple[str, ...]:
    """The kinds, in the order in which they are looked at."""
    return tuple(sorted(file.stem for file in project_file("sql/conditions").glob("*.sql")))


def look(
    warehouse: Warehouse,
    facts: Facts,
    kinds: Sequence[str] | None = None,
    *,
    seconds: float = 30,
    elapsed: Callable[[], float] = time.monotonic,
) -> Looked:
    """Look at all conditions, or at those of `kinds`, and write what is to be told. Begins none after `seconds`."""
    done = Looked()
    ends = elapsed() + seconds
    for kind in conditions() if kinds is None else kinds:
        if elapsed() > ends:
            done.left.append(kind)
            continue
        try:
            found = _rows(warehouse, kind, facts, ends - elapsed())
        except (psycopg.errors.QueryCanceled, psycopg.errors.ProgrammingError, psycopg.DataError) as error:
            done.broken[kind] = reason(error)
            log.warning("condition %s: %s", kind, reason(error))
            continue
        done.found += len(found)
        # Before the next is looked at: it may leave out what this one tells.
        done.told += _compare(warehouse, kind, found)
    return done


def open_incidents(warehouse: Warehouse) -> list[Open]:
    """What is wrong now, the oldest first."""
    return [Open(**row) for row in warehouse.execute("incidents/open")]


def _rows(warehouse: Warehouse, kind: str, facts: Facts, seconds: float) -> list[dict[str, Any]]:
    with warehouse.transaction() as cursor:
        run(cursor, "incidents/time_limit", {"limit": f"{max(1, int(seconds * 1000))}ms"})
        return run(cursor, f"conditions/{kind}", facts.parameters())


def _compare(warehouse: Warehouse, kind: str, rows: Sequence[Mapping[str, Any]]) -> int:
    """Note what is there and what is gone, and tell what is due, in one transaction; how many messages."""
    found = [
        {
            **row,
            "settle": f"{row['settle'].total_seconds()} seconds",
            "away": f"{row['away'].total_seconds()} seconds",
        }
        for row in rows
    ]
    with warehouse.transaction() as cursor:
        run(cursor, "incidents/lock")
        run(cursor, "incidents/note", {"found": Jsonb(found), "kind": kind})
        due = run(cursor, "incidents/due", {"kind": kind})
        told = put_all(cursor, [_message(row) for row in due if _is_told(row)])
        if due:
            run(
                cursor,
                "incidents/settle",
                {"done": Jsonb([{"id": row["id"], "what": row["what"]} for row in due])},
            )
    return told


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_NEWCOMERS
    return "; ".join(names[:MOST_NEWCOMERS]) + (f" and {more} more" if more > 0 else "")


def _is_told(row: Mapping[str, Any]) -> bool:
    return row["what"] == "reminder" or (not row["told_elsewhere"] and row["what"] != "flicker")


def _message(row: Mapping[str, Any]) -> Message:
    """The words: what, examples, what to do."""
    over = row["what"] == "over"
    subject = PREFIX.get(row["what"], "") + row["subject"]
    examples = "".join(f"- {example}\n" for example in row["examples"])
    if row["examples"] and row["count"] > len(row["examples"]):
        examples += f"- and more, {row['count']} in all\n"
    body = f"{examples}\n{row['body']}" if examples else row["body"]
    if row["what"] == "others":
        body = f"Not told of before: {_listed(row['newcomers'])}.\n{body}"
    if over:
        body = OVER.get(row["kind"], GONE) + (f" It was:\n{examples}" if examples else "")
    return Message(
        key=f"incident:{row['id']}:{'over' if over else row['told'] + 1}",
        kind=row["kind"],
        severity="info" if over else row["severity"],
        recipient=OPERATORS,
        subject=subject,
        body=body,
        details={
            "incident": row["id"],
            "what": row["what"],
            "cause": row["cause"],
            "count": row["count"],
            "examples": row["examples"],
            "since": row["first_seen_at"].isoformat(),
        },
    )
