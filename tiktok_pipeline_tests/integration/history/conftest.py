"""A past that was really captured: the clock goes from day to day, and every day is captured on that day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from sqlalchemy.engine import make_url

from tiktok_pipeline.capture.ledger import Endpoint
from tiktok_pipeline.history.manifest import Written, write_manifest
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import (
    DatabaseClock,
    add_account,
    capture_today,
    ledger,
    rows,
    user_body,
    video,
    videos_body,
)
from tiktok_pipeline_tests.conftest import database

JANUARY = [dt.date(2026, 1, day) for day in (29, 30, 31)]
FEBRUARY = [dt.date(2026, 2, day) for day in (1, 2)]
DAYS = JANUARY + FEBRUARY
ENDPOINTS: tuple[Endpoint, ...] = ("user_info", "video_list")
GRACE = dt.timedelta(hours=6)


class Past:
    """Two accounts captured on five days, two months; today is 2026-03-20."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.accounts = [
            row["id"] for row in rows(warehouse, "select id from hub.store_accounts order by id")
        ]

    def manifest(self, until: dt.date = DAYS[-1]) -> Written:
        """Write the gaps and the chain until `until`."""
        for endpoint in ENDPOINTS:
            ledger(self.warehouse, endpoint).close_all()
        return write_manifest(self.warehouse, "UTC", GRACE, until)


def capture_all(warehouse: Warehouse) -> None:
    """Capture two accounts on each of the days, on that day."""
    clock = DatabaseClock(warehouse)
    clock.set("2026-01-29T01:00:00")
    for number in range(2):
        add_account(warehouse, f"-000{number}", store=f"store_{number}")
    for number, day in enumerate(DAYS):
        clock.set(f"{day}T02:00:00")
        capture_today(ledger(warehouse, "user_info"), user_body(follower_count=number))
        listed = [video(f"{day:%d}{n}", views=100 * number + n) for n in range(3)]
        capture_today(ledger(warehouse), videos_body(*listed))
    clock.set("2026-03-20T12:00:00")


@pytest.fixture(scope="package")
def past_template(server_url: str, migrated_template: str) -> Iterator[str]:
    """Name of a database with that past, which each test's own is copied from."""
    with database(server_url, "past", template=migrated_template) as url:
        warehouse = Warehouse(url)
        capture_all(warehouse)
        warehouse.close()
        yield make_url(url).database or ""


@pytest.fixture
def database_url(server_url: str, past_template: str) -> Iterator[str]:
    with database(server_url, "test", template=past_template) as url:
        yield url


@pytest.fixture
def past(warehouse: Warehouse) -> Past:
    return Past(warehouse)
