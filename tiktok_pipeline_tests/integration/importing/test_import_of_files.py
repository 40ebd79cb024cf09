"""What is in a file that does not fit: it is refused with a reason, row by row, and the rest is imported."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tiktok_pipeline.importing.sources import SourceError
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import (
    DatabaseClock,
    add_account,
    add_store,
    capture_today,
    ledger,
    rows,
    video,
    videos_body,
)
from tiktok_pipeline_tests.integration.importing.conftest import Importer, csv_file, refusals

USERS = "store_code,open_id,snapshot_date,follower_count"
VIDEOS = "store_code,video_id,snapshot_date,view_count"
STATES = "select endpoint, day::text as day, state from capture.account_day order by day, endpoint"


@pytest.fixture
def account(warehouse: Warehouse) -> int:
    return add_account(warehouse, "-000open")


def test_refused_rows_say_where_and_why_and_the_others_are_imported(
    warehouse: Warehouse, take: Importer, tmp_path: Path, refused_file: Path, account: int
) -> None:
    tomorrow = (dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).date()
    path = csv_file(
        tmp_path / "tiktok_video_daily.csv",
        "description," + VIDEOS,
        '"two\nlines",jakarta_01,71,2025-03-01,5',
        ",jakarta_01,7.1e18,2025-03-01,5",
        ",nowhere,72,2025-03-01,5",
        ",jakarta_01,73,2025-03-01,-1",
        ",jakarta_01,74,2025-03-01,1.5",
        ",jakarta_01,75,2025-03-01,9223372036854775808",
        f",jakarta_01,76,{tomorrow},1",
        ",jakarta_01,77,1899-12-31,1",
        ",jakarta_01,78,03/01/2025,1",
        ",jakarta_01,79,2025-03-01",
        ",jakarta_01,,2025-03-01,1",
        ",JAKARTA,80,2025-03-01,1",
        ",jakarta_01,81,2025-03-01,9223372036854775807",
    )
    outcome = take(path)
    told = {row["line"]: row["reason"] for row in refusals(refused_file)}
    assert list(told) == list(range(4, 15)), told
    words = [
        "digits are lost", "no such store", "not a whole number", "not a whole number", "not a whole number",
        "not a past day", "before 1900", "not a date", "4 fields, but the header has 5", "video_id: empty",
        "lower-case",
    ]  # fmt: skip
    assert all(word in reason for word, reason in zip(words, told.values(), strict=True)), told
    first = refusals(refused_file)[0]
    assert (first["file"], first["table"]) == (str(path), "tiktok_video_daily")
    assert first["row"]["video_id"] == "7.1e18"
    counts = outcome.tables["tiktok_video_daily"]
    assert (counts.read, counts.imported, counts.refused) == (13, 2, 11)
    held = rows(warehouse, "select item_id, fields from capture.imported order by item_id")
    assert [row["item_id"] for row in held] == ["71", "81"]
    assert held[0]["fields"]["video_description"] == "two\nlines"
    assert held[1]["fields"]["view_count"] == 2**63 - 1


def test_identical_rows_count_once_and_conflicting_ones_are_refused(
    warehouse: Warehouse, take: Importer, tmp_path: Path, refused_file: Path, account: int
) -> None:
    path = csv_file(
        tmp_path / "tiktok_video_daily.csv",
        VIDEOS,
        "jakarta_01,71,2025-03-01,5",
        "jakarta_01,72,2025-03-01,5",
        "jakarta_01,71,2025-03-01,5",
        "jakarta_01,72,2025-03-01,6",
        "jakarta_01,72,2025-03-02,6",
    )
    rehearsed = take(path, dry_run=True)
    counts = take(path).tables["tiktok_video_daily"]
    assert rehearsed.tables["tiktok_video_daily"] == counts
    assert (counts.imported, counts.identical, counts.refused) == (2, 1, 2)
    told = refusals(refused_file)
    assert sorted(row["line"] for row in told) == [3, 5]
    assert {row["row"]["view_count"] for row in told} == {5, 6}
    assert {row["row"]["video_id"] for row in told} == {"72"}
    held = rows(warehouse, "select item_id, day::text as day from capture.imported order by day")
    assert [(row["item_id"], row["day"]) for row in held] == [("71", "2025-03-01"), ("72", "2025-03-02")]


def test_a_profile_says_nothing_of_videos_nor_videos_of_a_profile(
    warehouse: Warehouse, take: Importer, tmp_path: Path, account: int
) -> None:
    csv_file(tmp_path / "tiktok_user_daily.csv", USERS, "jakarta_01,-000open,2025-03-01,5")
    csv_file(tmp_path / "tiktok_video_daily.csv", VIDEOS, "jakarta_01,71,2025-03-02,5")
    take(tmp_path)
    assert [tuple(row.values()) for row in rows(warehouse, STATES)] == [
        ("user_info", "2025-03-01", "imported"),
        ("video_list", "2025-03-02", "imported"),
    ]


def test_gaps_and_failures_are_filled_and_captures_stay(
    warehouse: Warehouse, take: Importer, tmp_path: Path, clock: DatabaseClock
) -> None:
    clock.set("2026-03-10T12:00:00")
    add_account(warehouse, "-000open", connected_at="2026-03-10T00:00:00Z")
    captured = capture_today(ledger(warehouse), videos_body(video("71", views=100)))
    clock.set("2026-03-11T12:00:00")
    book = ledger(warehouse)
    book.plan(book.today())  # and then nothing happens: the machine is off
    clock.set("2026-03-14T12:00:00")
    gap = dt.date(2026, 3, 12)
    ledger(warehouse).close(gap, gap)
    lines = [f"jakarta_01,71,2026-03-{day},7" for day in (9, 10, 11, 12, 13)]
    path = csv_file(
        tmp_path / "tiktok_video_daily.csv", VIDEOS, *(line.replace("-9", "-09") for line in lines)
    )
    rehearsed = take(path, dry_run=True)
    outcome = take(path)
    assert rehearsed == outcome
    states = {row["day"]: row["state"] for row in rows(warehouse, STATES)}
    assert states.pop(str(captured)) == "captured"
    assert states == {f"2026-03-{day}": "imported" for day in ("09", "11", "12", "13")}
    counts = outcome.tables["tiktok_video_daily"]
    assert (counts.imported, counts.captured) == (4, 1)
    assert (outcome.first, outcome.last) == (dt.date(2026, 3, 9), dt.date(2026, 3, 13))


def test_a_video_belongs_to_the_stores_only_account_or_to_the_one_it_names(
    warehouse: Warehouse, take: Importer, tmp_path: Path, refused_file: Path, account: int
) -> None:
    second = add_account(warehouse, "-000second")
    add_store(warehouse, "empty")
    path = csv_file(
        tmp_path / "tiktok_video_daily.csv",
        VIDEOS + ",open_id",
        "jakarta_01,71,2025-03-01,5,",
        "jakarta_01,72,2025-03-01,5,-000second",
        "jakarta_01,73,2025-03-01,5,-000third",
        "empty,74,2025-03-01,5,",
    )
    take(path)
    told = {row["line"]: row["reason"] for row in refusals(refused_file)}
    assert "several accounts" in told[2]
    assert "no such account" in told[4]
    assert "no account" in told[5]
    [held] = rows(warehouse, "select account_id, item_id from capture.imported")
    assert held == {"account_id": second, "item_id": "72"}


def test_a_day_is_a_date_or_an_instant_of_the_reporting_time_zone(
    warehouse: Warehouse, take: Importer, tmp_path: Path, account: int
) -> None:
    written = {
        "2025-03-01": "2025-03-01",
        "2025-03-02T00:00:00.000Z": "2025-03-02",  # a date, as JavaScript writes it
        "2025-03-02T17:00:00.000Z": "2025-03-03",  # midnight in Jakarta
        "2025-03-03 19:30:00": "2025-03-04",  # without a zone: UTC
        "2025-03-05 23:30:00.5+07": "2025-03-05",
    }
    lines = [f"jakarta_01,-000open,{text},1,0001-01-01 00:00:00+14" for text in written]
    outcome = take(
        csv_file(tmp_path / "tiktok_user_daily.csv", USERS + ",created_at", *lines, end="\r\n"),
        zone="Asia/Jakarta",
    )
    assert outcome.times_without_zone
    assert [row["day"] for row in rows(warehouse, STATES)] == list(written.values())


def test_a_mistyped_year_makes_only_its_own_partitions(
    warehouse: Warehouse, take: Importer, tmp_path: Path, account: int
) -> None:
    partitions = "select count(*) as n from pg_class where relispartition and relkind = 'r'"
    [before] = rows(warehouse, partitions)
    take(
        csv_file(
            tmp_path / "tiktok_user_daily.csv",
            USERS,
            "jakarta_01,-000open,1905-03-01,1",
            "jakarta_01,-000open,2025-03-01,1",
        )
    )
    [after] = rows(warehouse, partitions)
    assert after["n"] - before["n"] == 10  # two months of five tables


def test_an_account_belongs_to_one_store(
    warehouse: Warehouse, take: Importer, tmp_path: Path, refused_file: Path, account: int
) -> None:
    csv_file(tmp_path / "stores.csv", "store_code,store_name,pic_name", "bandung,Kopi,Ayu", "medan,,Ayu")
    csv_file(
        tmp_path / "store_accounts.csv",
        "store_code,open_id,status,connected_at",
        "bandung,-000open,CONNECTED,2025-01-01",
        "bandung,-000new,DISABLED,2999-01-01",
        "medan,-000m,CONNECTED,2025-01-01",
    )
    take(tmp_path)
    told = {(row["table"], row["line"]): row["reason"] for row in refusals(refused_file)}
    assert "store_name" in told["stores", 3]
    assert "another store's account" in told["store_accounts", 2]
    assert "no such store" in told["store_accounts", 4]
    [new] = rows(
        warehouse,
        "select status, status_reason, connected_at <= ops.now() as past from hub.store_accounts where open_id = '-000new'",
    )
    assert (new["status"], new["past"]) == ("NEED_RECONNECT", True)
    assert "DISABLED where it came from" in new["status_reason"]


def test_a_file_that_cannot_be_understood_is_one_line_and_nothing_is_imported(
    warehouse: Warehouse, take: Importer, tmp_path: Path, account: int
) -> None:
    path = tmp_path / "tiktok_video_daily.csv"
    csv_file(tmp_path / "tiktok_user_daily.csv", USERS, "jakarta_01,-000open,2025-03-02,5")
    for content, words in (
        (b"store_code,video_id\n", "has no column snapshot_date"),
        (b"", "has no column store_code, video_id, snapshot_date"),
        ((VIDEOS + "\nj\xe9,x,2025-01-01,1\n").encode("latin-1"), "not UTF-8"),
        (VIDEOS.encode("utf-16"), "not UTF-8"),
        ((VIDEOS + '\njakarta_01,"71,2025-01-01,1\n').encode(), "line 2: not CSV"),
        ((VIDEOS + ",video_id\n").encode(), "column video_id twice"),
    ):
        path.write_bytes(content)
        with pytest.raises(SourceError, match=words) as told:
            take(tmp_path)
        assert "\n" not in str(told.value)
        assert rows(warehouse, STATES) == []
    path.write_text(f"{VIDEOS}\njakarta_01,71,2025-03-02,5\n".replace(",", ";"))
    take(tmp_path)
    assert len(rows(warehouse, STATES)) == 2


def test_parquet_with_ids_as_floating_point_numbers_is_refused(take: Importer, tmp_path: Path) -> None:
    path = tmp_path / "videos.parquet"
    columns = {"store_code": ["jakarta_01"], "video_id": [7.1e18], "snapshot_date": [dt.date(2025, 3, 1)]}
    pq.write_table(pa.table(columns), path)
    with pytest.raises(SourceError, match="video_id is a floating-point column"):
        take(path, table="tiktok_video_daily")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(SourceError, match="cannot be read as Parquet"):
        take(path, table="tiktok_video_daily")


def test_parquet_as_pandas_writes_it_is_understood(
    warehouse: Warehouse, take: Importer, tmp_path: Path, account: int
) -> None:
    path = tmp_path / "tiktok_video_daily.parquet"
    day = dt.datetime(2025, 3, 1)  # noqa: DTZ001 - as pandas has it
    columns = {
        "store_code": pa.array(["jakarta_01"] * 2).dictionary_encode(),
        "video_id": pa.array([7_100_000_000_000_000_001, 7_100_000_000_000_000_002], pa.int64()),
        "snapshot_date": pa.array([day, day], pa.timestamp("ns")),
        "view_count": pa.array([12.0, float("nan")], pa.float64()),  # a column with holes
        "create_time": pa.array([day, None], pa.timestamp("ns", tz="Asia/Jakarta")),
    }
    pq.write_table(pa.table(columns), path)
    take(path)
    held = rows(warehouse, "select fields from capture.imported order by item_id")
    assert [row["fields"] for row in held] == [
        {"id": "7100000000000000001", "view_count": 12, "create_time": 1_740_787_200},
        {"id": "7100000000000000002"},
    ]
