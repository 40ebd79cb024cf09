"""Everything derived can be derived again, and says the same."""

from __future__ import annotations

import datetime as dt

import pytest

from tiktok_pipeline.history.rebuild import Rebuilt, checksum, derived_tables, rebuild
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.history.conftest import DAYS, Past

VIDEOS = "snapshots.tiktok_video_daily"
USERS = "snapshots.tiktok_user_daily"


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
    }
    before = rows(past.warehouse, f"select xmin::text, ctid::text from {VIDEOS}")
    again = rebuilt(past.warehouse)
    assert all(made.changed == 0 for made in again.values())
    assert {made.checksum for made in again.values()} == {made.checksum for made in first.values()}
    assert rows(past.warehouse, f"select xmin::text, ctid::text from {VIDEOS}") == before


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
