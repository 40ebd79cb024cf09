"""Everything derived can be derived again, and says the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from tiktok_pipeline.history.rebuild import Rebuilt, checksum, derived_tables, rebuild
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.conftest import database
from tiktok_pipeline_tests.integration.bi.month import fill_month
from tiktok_pipeline_tests.integration.history.conftest import DAYS, Past

VIDEOS = "snapshots.tiktok_video_daily"
USERS = "snapshots.tiktok_user_daily"
# What the database keeps of reporting.video_daily itself.
KEPT = [
    f"reporting.{name}" for name in ("account_videos_daily", "video_latest", "video_gains", "posting_time")
]
Checksums = dict[str, tuple[int, str]]


@pytest.fixture(scope="module")
def month(
    server_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    """A month with imports, gaps, a quarantine and today's capture."""
    with (
        database(server_url, "derived", template=migrated_template) as url,
        SandboxProcess(accounts=6, videos=12, limit=0) as sandbox,
    ):
        warehouse = Warehouse(url)
        fill_month(warehouse, sandbox, tmp_path_factory.mktemp("derived") / "keys.json")
        yield warehouse
        warehouse.close()


def checksums(warehouse: Warehouse) -> Checksums:
    """Of all that each derived table holds."""
    ever = dt.date(2020, 1, 1), dt.date(2100, 1, 1)
    return {table: checksum(warehouse, table, *ever) for table in derived_tables(warehouse)}


def rebuilt_month(warehouse: Warehouse) -> dict[str, Rebuilt]:
    [span] = rows(warehouse, "select min(day) as first, max(day) as last from capture.account_day")
    return {made.table: made for made in rebuild(warehouse, span["first"], span["last"])}


def rebuilt(warehouse: Warehouse) -> dict[str, Rebuilt]:
    return {made.table: made for made in rebuild(warehouse, DAYS[0], DAYS[-1])}


def test_a_rebuild_of_nothing_new_changes_no_row_and_has_the_same_checksums(past: Past) -> None:
    first = rebuilt(past.warehouse)
    assert {table: (made.changed, made.rows) for table, made in first.items()} == {
        USERS: (10, 10),
        VIDEOS: (30, 30),
        "snapshots.account_day_verdict": (10, 10),
        "snapshots.video_change": (54, 54),  # each day lists three other videos
        "snapshots.counter_fall": (0, 0),
        "reporting.account_daily": (10, 10),
        "reporting.video_daily": (30, 30),
        "reporting.viral_videos": (0, 0),
        # The database kept these itself, as soon as there were videos.
        "reporting.account_videos_daily": (0, 10),
        "reporting.video_latest": (0, 30),
        "reporting.video_gains": (0, 0),
        "reporting.posting_time": (0, 1),
    }
    before = rows(past.warehouse, f"select xmin::text, ctid::text from {VIDEOS}")
    again = rebuilt(past.warehouse)
    assert all(made.changed == 0 for made in again.values())
    assert {made.checksum for made in again.values()} == {made.checksum for made in first.values()}
    assert rows(past.warehouse, f"select xmin::text, ctid::text from {VIDEOS}") == before


def test_every_derived_table_that_was_emptied_is_made_again_with_the_same_checksums(month: Warehouse) -> None:
    before = checksums(month)
    empty = [table for table, (count, _) in before.items() if count == 0]
    assert set(empty) <= {"reporting.viral_videos", "snapshots.counter_fall"}
    rows(month, f"truncate {', '.join(before)}")
    assert {count for count, _ in checksums(month).values()} == {0}
    again = rebuilt_month(month)
    assert {table: (made.rows, made.checksum) for table, made in again.items()} == before
    assert checksums(month) == before


@pytest.mark.parametrize(
    "statement",
    [f"delete from {table}" for table in KEPT]
    + [
        "update reporting.account_videos_daily set view_delta = 7",
        "update reporting.account_videos_daily set account_id = account_id + 1000",
        "update reporting.video_latest set view_count = 7",
        "update reporting.video_latest set snapshot_date = snapshot_date - 1",
        "update reporting.video_latest set video_id = video_id || 'x'",
        "update reporting.video_gains set views_gained_28 = 7",
        "update reporting.video_gains set as_of = as_of - 1",
        "update reporting.video_gains set video_id = video_id || 'x'",
        "update reporting.posting_time set median_views = 7",
        "update reporting.posting_time set hour = hour + 24",
    ],
)
def test_what_the_database_keeps_of_videos_is_made_again_when_it_was_lost_or_edited(
    month: Warehouse, statement: str
) -> None:
    before = checksums(month)
    rows(month, statement)
    assert checksums(month) != before
    again = rebuilt_month(month)
    assert {table for table, made in again.items() if made.changed} == {
        table for table in KEPT if table in statement
    }
    assert checksums(month) == before


def test_what_was_lost_or_edited_is_derived_again_and_the_checksum_tells(past: Past) -> None:
    first = rebuilt(past.warehouse)
    rows(
        past.warehouse,
        f"update {VIDEOS} set view_count = 5 where video_id = '290' and snapshot_date = '2026-01-29'",
    )
    assert checksum(past.warehouse, VIDEOS, DAYS[0], DAYS[-1])[1] != first[VIDEOS].checksum
    assert checksum(past.warehouse, VIDEOS, DAYS[1], DAYS[-1]) != checksum(
        past.warehouse, VIDEOS, DAYS[0], DAYS[-1]
    )
    rows(past.warehouse, f"delete from {VIDEOS} where snapshot_date = '2026-01-31'")
    rows(past.warehouse, f"delete from {USERS}")
    again = rebuilt(past.warehouse)
    assert (again[USERS].changed, again[VIDEOS].changed) == (10, 8)
    assert {made.checksum for made in again.values()} == {made.checksum for made in first.values()}


def test_the_checksum_depends_on_neither_order_nor_time_of_deriving_nor_session(
    past: Past, database_url: str
) -> None:
    first = rebuilt(past.warehouse)
    rows(past.warehouse, f"delete from {VIDEOS}")
    for day in (DAYS[4], DAYS[0], DAYS[2], DAYS[3], DAYS[1]):
        derive(past.warehouse, VIDEOS, day, day)
    rows(past.warehouse, f"update {VIDEOS} set created_at = created_at - interval '1 day'")
    rows(past.warehouse, f"alter database \"{past.warehouse.url.database}\" set timezone = 'Asia/Kathmandu'")
    elsewhere = Warehouse(database_url)
    assert checksum(elsewhere, VIDEOS, DAYS[0], DAYS[-1]) == (30, first[VIDEOS].checksum)
    elsewhere.close()


def test_every_table_with_a_file_of_its_name_is_rebuilt(past: Past) -> None:
    assert {USERS, VIDEOS} < set(derived_tables(past.warehouse))


@pytest.mark.parametrize("day", [dt.date(2024, 5, 1)])
def test_a_range_without_anything_rebuilds_to_nothing(past: Past, day: dt.date) -> None:
    assert {made.rows for made in rebuild(past.warehouse, day, day)} == {0}


def test_rows_that_the_ledger_does_not_give_are_put_right_or_deleted(past: Past) -> None:
    first = rebuilt(past.warehouse)
    verdicts = "snapshots.account_day_verdict"
    for table in (USERS, VIDEOS, verdicts):
        rows(past.warehouse, f"update {table} set capture_no = 99 where account_id = {past.accounts[0]}")
    names = "store_code, account_id, source, late, capture_no"
    of_a_day = f"from {USERS} where account_id = {past.accounts[0]} and snapshot_date = '2026-01-30'"
    for statement in (
        f"update {VIDEOS} set view_count = 5 where capture_no = 99",
        f"insert into {USERS} (open_id, snapshot_date, {names}) select 'forged', snapshot_date, {names} {of_a_day}",
        f"""
        insert into {VIDEOS} (open_id, video_id, snapshot_date, {names})
        select open_id, 'forged', snapshot_date, {names} {of_a_day} limit 1
        """,
        f"""
        with moved as (delete from {verdicts} where capture_no = 99 and snapshot_date = '2026-01-30' returning *)
        insert into {verdicts} (
            {names}, snapshot_date, verdict, reason, pages, listed_videos, distinct_videos, duplicates, chain_closed
        )
        select {names}, '2026-02-05', verdict, reason, 1, 1, 1, 0, true from moved
        """,
    ):
        rows(past.warehouse, statement)
    again = {made.table: made for made in rebuild(past.warehouse, DAYS[0], dt.date(2026, 2, 5))}
    assert {table: (made.rows, made.checksum) for table, made in again.items()} == {
        table: (made.rows, made.checksum) for table, made in first.items()
    }
    assert {made.changed for made in rebuilt(past.warehouse).values()} == {0}


def test_a_rebuild_begins_with_the_first_day_that_is_known_and_makes_no_partitions_before(past: Past) -> None:
    partitions = "select count(*) from pg_inherits"
    before = rows(past.warehouse, partitions)
    since_ever = {made.table: made for made in rebuild(past.warehouse, dt.date(1226, 1, 1), DAYS[-1])}
    assert rows(past.warehouse, partitions) == before
    assert {made.checksum for made in since_ever.values()} == {
        made.checksum for made in rebuilt(past.warehouse).values()
    }
