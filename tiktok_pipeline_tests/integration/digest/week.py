"""Six days of two stores, captured by hand: a gap, a new video, a video that is missing and then gone."""

from __future__ import annotations

import datetime as dt

from tiktok_pipeline.digest.content import Calendar, Digest
from tiktok_pipeline.digest.reading import calendar, read_digest
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_tests.building import DatabaseClock, ledger, rows
from tiktok_pipeline_tests.integration.completeness.conftest import Book, listing, paged

REPORTS = ("reporting.account_daily", "reporting.video_daily")
NASTY = "<script>alert(1)</script>'\"|*_`[x](javascript:alert(1)) www.evil.example 🛒"
LAST = 5


class Week:
    """Days count from 0. It is eight in the morning of day 6, so day 5 is the latest that is over."""

    def __init__(self, warehouse: Warehouse, clock: DatabaseClock) -> None:
        self.warehouse = warehouse
        self.book = Book(warehouse, clock)
        self.date = self.book.date

    def fill(self) -> None:
        """Store 0 is there each day; store 1 was not captured on day 2.

        Followers of store 0 are 1000, 1010, 1020 …, those of store 1 500, 497, –, 491 … Each video has 100 views more
        a day. Video 9 of store 0 is missing from day 3 on and gone on day 5; video -1 is new on day 4.
        """
        self.book.accounts(2)
        for day in range(LAST + 1):
            numbers = [*([-1] if day >= 4 else []), *range(10 if day < 3 else 9)]
            self._capture(day, 1, numbers, 1000 + 10 * day)
            if day != 2:
                self._capture(day, 2, [20, 21], 500 - 3 * day)
        self.book.answer(LAST, ["v009"], found=[])
        self.book.clock.set(f"{self.date(LAST + 1)}T08:00:00")
        for endpoint in ("user_info", "video_list"):
            ledger(self.warehouse, endpoint).close_all()
        self.derive()

    def derive(self) -> None:
        """Derive snapshots and reports of the week."""
        self.book.derive(0, LAST + 1)
        self._report()

    def leave_out(self, day: int, table: str, counter: str, where: str) -> None:
        """Let TikTok not have said a counter of a profile or of videos on a day."""
        rows(
            self.warehouse,
            f"update snapshots.{table} set {counter} = null where snapshot_date = %s and {where}",
            self.date(day),
        )
        self._report()

    def _report(self) -> None:
        for report in REPORTS:
            derive(self.warehouse, report, self.date(0), self.date(LAST + 1))

    def quarantine(self, day: int, endpoint: str, account: int = 1) -> None:
        """Put an account-day into quarantine, as a check does."""
        rows(
            self.warehouse,
            "insert into snapshots.quarantine (account_id, endpoint, day, check_name, reason)"
            " values (%s, %s, %s, 'test', 'all fell to zero')",
            account,
            endpoint,
            self.date(day),
        )
        self.derive()

    def name(self, text: str) -> None:
        """Let stores, accounts and captions be called so."""
        rows(self.warehouse, "update hub.stores set store_name = %s", text)
        rows(self.warehouse, "update hub.store_accounts set display_name = %s", text)
        rows(
            self.warehouse,
            "update snapshots.tiktok_video_daily set description = %s, share_url = 'javascript:alert(1)'",
            text,
        )

    @property
    def calendar(self) -> Calendar:
        """As the database's clock has it."""
        return calendar(self.warehouse, "UTC", dt.timedelta(hours=6))

    def digest(self, day: int, store: str | None = None) -> Digest:
        """The digest of a day."""
        return read_digest(self.warehouse, self.calendar, self.date(day), store)

    def _capture(self, day: int, account: int, numbers: list[int], followers: int) -> None:
        videos = listing(*numbers, view_count=100 * (day + 1))
        profile = {"follower_count": followers, "likes_count": 2 * followers}
        self.book.capture(day, paged(videos), counted=len(numbers), profile=profile, account=account)
