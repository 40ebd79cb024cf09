"""A store whose lists of videos are landed by hand, day after day, page by page."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from typing import Any

import pytest

from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_tests.building import (
    DatabaseClock,
    add_account,
    ledger,
    rows,
    user_body,
    video,
    videos_body,
)

FIRST = dt.date(2026, 3, 1)
TABLES = (
    "snapshots.tiktok_user_daily",
    "snapshots.tiktok_video_daily",
    "snapshots.account_day_verdict",
    "snapshots.video_change",
    "snapshots.counter_fall",
)
NEWEST = 1_700_000_000  # create_time of video 0; each further one is an hour older


def posted(number: int) -> int:
    """When video `number` was posted, unix seconds."""
    return NEWEST - 3600 * number


def listing(*numbers: int, **fields: Any) -> list[dict[str, Any]]:
    """Videos as they stand on a list; video 0 is the newest."""
    return [video(f"v{number:03}", create_time=posted(number), **fields) for number in numbers]


def paged(videos: list[dict[str, Any]], size: int = 20) -> list[str]:
    """The bodies of the pages of a list."""
    pages = [videos[start : start + size] for start in range(0, len(videos), size)] or [[]]
    bodies = []
    for number, page in enumerate(pages):
        last = number == len(pages) - 1
        cursor = page[-1]["create_time"] * 1000 if page else 0
        bodies.append(videos_body(*page, cursor=cursor, has_more=not last))
    return bodies


class Book:
    """Accounts whose days are captured by hand; `day` counts from 0, which is the first of March 2026."""

    def __init__(self, warehouse: Warehouse, clock: DatabaseClock) -> None:
        self.warehouse = warehouse
        self.clock = clock
        clock.set(f"{FIRST}T01:00:00")

    def accounts(self, number: int = 1) -> list[int]:
        """Connect accounts, one store each; their ids."""
        return [add_account(self.warehouse, f"-000{n}", store=f"store_{n}") for n in range(number)]

    def date(self, day: int) -> dt.date:
        """The date of day number `day`."""
        return FIRST + dt.timedelta(days=day)

    def capture(
        self,
        day: int,
        bodies: Iterable[str],
        *,
        counted: int | None = None,
        profile: dict[str, Any] | None = None,
        account: int = 1,
        force: bool = False,
    ) -> None:
        """Land an account's pages of day number `day` at two o'clock, and a profile before them if there is one."""
        self.clock.set(f"{self.date(day)}T02:00:00")
        if counted is not None or profile is not None:
            counts = {} if counted is None else {"video_count": counted}
            self._land("user_info", day, [user_body(**{**counts, **(profile or {})})], account, force)
        self._land("video_list", day, list(bodies), account, force)

    def _land(self, endpoint: Any, day: int, bodies: list[str], account: int, force: bool) -> None:
        book = ledger(self.warehouse, endpoint)
        today = self.date(day)
        book.ensure_partitions(today, today)
        book.plan(today)
        if force:
            book.plan_afresh(today)
        [unit] = [unit for unit in book.claim(today, 1000) if unit.account_id == account]
        for number, body in enumerate(bodies):
            data = json.loads(body)["data"]
            book.land(
                type(unit)(**{**_fields(unit), "pages": number}),
                body,
                log_id="L",
                items=len(data.get("videos", [1])),
                refused=0,
                next_cursor=data.get("cursor"),
                last=number == len(bodies) - 1,
            )
        book.release()

    def answer(self, day: int, asked: list[str], found: list[str], account: int = 1) -> None:
        """Keep an answer of video/query."""
        self.clock.set(f"{self.date(day)}T03:00:00")
        self.warehouse.execute(
            "capture/keep_query",
            {
                "account_id": account,
                "day": self.date(day),
                "zone": "UTC",
                "asked": asked,
                "body": videos_body(*(video(name) for name in found)),
                "log_id": "L",
                "run_id": None,
            },
        )

    def derive(self, first: int = 0, last: int = 40) -> int:
        """Derive every table for the days from `first` to `last`; how many rows changed."""
        rows(self.warehouse, "select ops.ensure_partitions(%s, %s)", self.date(first), self.date(last))
        return sum(derive(self.warehouse, table, self.date(first), self.date(last)) for table in TABLES)

    def verdicts(self, account: int = 1) -> dict[int, str]:
        """Verdict by day number."""
        return {
            (row["snapshot_date"] - FIRST).days: row["verdict"]
            for row in rows(
                self.warehouse,
                "select * from snapshots.account_day_verdict where account_id = %s order by snapshot_date",
                account,
            )
        }

    def verdict(self, day: int = 0, account: int = 1) -> dict[str, Any]:
        """The row of one day."""
        [row] = rows(
            self.warehouse,
            "select * from snapshots.account_day_verdict where account_id = %s and snapshot_date = %s",
            account,
            self.date(day),
        )
        return row

    def states(self, account: int = 1) -> dict[str, str]:
        """State by video."""
        return {
            row["video_id"]: row["state"]
            for row in rows(
                self.warehouse,
                "select * from snapshots.video_presence where account_id = %s order by video_id",
                account,
            )
        }

    def presence(self, video_id: str) -> dict[str, Any]:
        """One video's row, its dates as day numbers."""
        [row] = rows(self.warehouse, "select * from snapshots.video_presence where video_id = %s", video_id)
        return {
            name: (value - FIRST).days if type(value) is dt.date else value for name, value in row.items()
        }


def _fields(unit: Any) -> dict[str, Any]:
    return {name: getattr(unit, name) for name in unit.__dataclass_fields__}


@pytest.fixture
def book(warehouse: Warehouse, clock: DatabaseClock) -> Book:
    """An empty book."""
    return Book(warehouse, clock)
