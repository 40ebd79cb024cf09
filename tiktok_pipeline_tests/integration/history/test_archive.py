"""Old months leave the database only when they are safe elsewhere, and are read back when they are needed."""

from __future__ import annotations

import datetime as dt
import json
import multiprocessing
import signal
from pathlib import Path

import psycopg
import pytest

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.history import archive, placing
from tiktok_pipeline.history.archive import drop_month, months_to_archive, write_month
from tiktok_pipeline.history.archived import ArchiveDamaged, ArchivedMonth, Folder
from tiktok_pipeline.history.content import page_content
from tiktok_pipeline.history.partitions import restored
from tiktok_pipeline.history.rebuild import rebuild
from tiktok_pipeline.history.verify import verify
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.conftest import database
from tiktok_pipeline_tests.integration.history import child
from tiktok_pipeline_tests.integration.history.conftest import DAYS, Past

MONTH = dt.date(2026, 1, 1)
BEFORE = dt.date(2026, 2, 15)
END_OF_JANUARY = dt.date(2026, 1, 31)


def pages(past: Past) -> int:
    return int(rows(past.warehouse, "select count(*) as pages from capture.page")[0]["pages"])


def events(past: Past) -> list[str]:
    return [row["event"] for row in rows(past.warehouse, "select event from ops.archive_log order by id")]


def checksums(past: Past) -> list[str]:
    return [made.checksum for made in rebuild(past.warehouse, DAYS[0], DAYS[-1])]


def archived(past: Past, folder: Path) -> ArchivedMonth:
    """January, archived and dropped."""
    past.manifest()
    month, _ = write_month(past.warehouse, str(folder), MONTH)
    drop_month(past.warehouse, month)
    return month


def test_a_month_is_written_with_a_manifest_and_nothing_is_dropped(past: Past, tmp_path: Path) -> None:
    past.manifest()
    assert months_to_archive(past.warehouse, BEFORE) == [MONTH]
    month, now = write_month(past.warehouse, str(tmp_path), MONTH)
    assert now
    assert (month.rows, pages(past), events(past)) == (12, 20, ["written"])
    manifest = json.loads((tmp_path / "2026-01" / "manifest.json").read_text())
    assert manifest["files"]["video_list"]["rows"] == 6
    assert (manifest["files"]["video_list"]["first_day"], manifest["files"]["video_list"]["last_day"]) == (
        "2026-01-29",
        "2026-01-31",
    )
    chain = rows(past.warehouse, "select pages_hash from capture.manifest where day = '2026-01-30'")
    assert manifest["days"]["2026-01-30"] == {"pages": 4, "sha256": chain[0]["pages_hash"]}
    assert write_month(past.warehouse, str(tmp_path), MONTH) == (month, False)
    assert events(past) == ["written"]


def test_a_dropped_month_is_read_back_by_verify_and_rebuild(past: Past, tmp_path: Path) -> None:
    before = checksums(past)
    month = archived(past, tmp_path)
    assert (pages(past), events(past)) == (8, ["written", "drop confirmed", "dropped"])
    logged = rows(past.warehouse, "select database_user, os_user, host, url from ops.archive_log")[-1]
    assert all(logged.values())
    assert months_to_archive(past.warehouse, BEFORE) == []
    verdict = verify(past.warehouse)
    assert verdict.sound
    assert (verdict.pages, verdict.read_back) == (20, [MONTH])
    rows(past.warehouse, "delete from snapshots.tiktok_video_daily")
    assert checksums(past) == before
    assert pages(past) == 8  # back again for the rebuild only
    assert month.url == str(tmp_path / "2026-01")


def test_what_is_read_back_is_never_confused_with_what_is_in_the_database(past: Past) -> None:
    past.manifest()
    hiding = "create temporary table page (like capture.page) on commit drop"
    rows(past.warehouse, hiding)
    for _ in range(6):
        verify(past.warehouse)  # so often that the driver would have the server prepare the statement
    with past.warehouse.transaction() as cursor:
        cursor.execute(hiding)
        assert page_content(cursor, DAYS[0], DAYS[-1]) == {}


def test_a_page_read_back_is_the_page_that_was_captured(past: Past, tmp_path: Path) -> None:
    everything = "select * from capture.page order by endpoint, day, account_id, capture_no, page_no"
    before = rows(past.warehouse, everything)
    archived(past, tmp_path)
    rows(past.warehouse, "select ops.ensure_partitions('2026-01-01', '2026-01-31')")  # as a backfill does
    with restored(past.warehouse, DAYS[0], DAYS[-1], None) as names:
        assert names == ["2026-01"]
        assert rows(past.warehouse, everything) == before
        with pytest.raises(psycopg.errors.CheckViolation):
            rows(
                past.warehouse,
                "insert into capture.page select endpoint, day, account_id, capture_no, 9, body, observed_at, time_zone"
                " from capture.page where day = '2026-01-30' limit 1",
            )


def test_a_damaged_archive_is_never_believed(past: Past, tmp_path: Path) -> None:
    past.manifest()
    month, _ = write_month(past.warehouse, str(tmp_path), MONTH)
    file = tmp_path / "2026-01" / "video_list.parquet"
    good = file.read_bytes()
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(ArchiveDamaged, match=r"video_list\.parquet was changed"):
        drop_month(past.warehouse, month)
    assert (pages(past), events(past)) == (20, ["written"])
    again, now = write_month(past.warehouse, str(tmp_path), MONTH)
    assert now
    drop_month(past.warehouse, again)
    file.unlink()
    with pytest.raises(ArchiveDamaged, match="is not there"):
        verify(past.warehouse)


def test_edited_pages_are_not_archived(past: Past, tmp_path: Path) -> None:
    past.manifest()
    with past.warehouse.transaction() as cursor:
        cursor.execute("set local session_replication_role = replica")
        cursor.execute(
            "update capture.page set body = '{}' where day = '2026-01-30' and endpoint = 'user_info'"
        )
    with pytest.raises(
        PipelineError, match=r"2026-01-30: the pages in the database are not those of the chain"
    ):
        write_month(past.warehouse, str(tmp_path), MONTH)
    assert events(past) == []


def test_a_month_with_a_day_that_is_not_in_the_chain_stays(past: Past) -> None:
    past.manifest(until=dt.date(2026, 1, 30))
    assert months_to_archive(past.warehouse, BEFORE) == []


def test_a_moved_archive_is_read_from_where_it_lies_now(past: Past, tmp_path: Path) -> None:
    archived(past, tmp_path / "first")
    (tmp_path / "first").rename(tmp_path / "second")
    with pytest.raises(ArchiveDamaged):
        verify(past.warehouse)
    assert verify(past.warehouse, archive=str(tmp_path / "second")).sound


def test_any_lasting_address_that_fsspec_knows_will_do(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    past.manifest()
    for address in ("memory://pages", "simplecache::s3://pages", "zip://pages.zip"):
        with pytest.raises(PipelineError, match="not a place where pages last"):
            write_month(past.warehouse, address, MONTH)
    monkeypatch.setattr(placing, "LASTING", {"memory", "nonsense"})  # in the place of an object store
    month, _ = write_month(past.warehouse, "memory://pages", MONTH)
    drop_month(past.warehouse, month)
    assert verify(past.warehouse).sound
    with pytest.raises(PipelineError, match="Install"):
        write_month(past.warehouse, "nonsense://pages", MONTH)


def test_a_place_that_cannot_be_written_is_one_line(past: Past, tmp_path: Path) -> None:
    past.manifest()
    (tmp_path / "file").write_text("")
    for place in (str(tmp_path / "file"), "/proc/pages"):
        with pytest.raises(PipelineError, match="cannot be written"):
            write_month(past.warehouse, place, MONTH)


def test_another_database_with_the_same_place_overwrites_nothing(
    past: Past, tmp_path: Path, server_url: str, past_template: str
) -> None:
    archived(past, tmp_path)
    with database(server_url, "other", template=past_template) as url:
        other = Past(Warehouse(url))
        with other.warehouse.transaction() as cursor:
            cursor.execute("set local session_replication_role = replica")
            cursor.execute("update ops.archive_owner set id = gen_random_uuid()")
        other.manifest()
        with pytest.raises(PipelineError, match="another database archived its pages there"):
            write_month(other.warehouse, str(tmp_path), MONTH)
        other.warehouse.close()
    assert verify(past.warehouse).sound


def test_a_copy_of_the_database_takes_what_lies_there_and_changes_nothing(
    past: Past, tmp_path: Path, server_url: str, past_template: str
) -> None:
    month = archived(past, tmp_path)
    with database(server_url, "copy", template=past_template) as url:
        copy = Past(Warehouse(url))
        copy.manifest()
        assert write_month(copy.warehouse, str(tmp_path), MONTH) == (month, True)
        copy.warehouse.close()
    assert verify(past.warehouse).sound


@pytest.mark.parametrize("name", ["video_list.parquet", "notes.txt", "user_info.parquet.of-another.part"])
def test_files_of_somebody_else_are_not_written_over(past: Past, tmp_path: Path, name: str) -> None:
    past.manifest()
    (tmp_path / "2026-01").mkdir()
    (tmp_path / "2026-01" / name).write_text("precious")
    with pytest.raises(PipelineError, match=f"{name} lies there already"):
        write_month(past.warehouse, str(tmp_path), MONTH)
    assert [file.name for file in (tmp_path / "2026-01").iterdir()] == [name]
    assert events(past) == []


def test_cut_off_between_two_renames_it_goes_on(
    past: Past, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    past.manifest()

    def first_only(waiting: Folder, folder: Folder) -> None:
        folder.files.mv(waiting.at("user_info.parquet"), folder.at("user_info.parquet"))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(archive, "publish", first_only)
        with pytest.raises(KeyboardInterrupt):
            write_month(past.warehouse, str(tmp_path), MONTH)
    month, now = write_month(past.warehouse, str(tmp_path), MONTH)
    assert now
    drop_month(past.warehouse, month)
    assert sorted(file.name for file in (tmp_path / "2026-01").iterdir()) == [
        "manifest.json",
        "user_info.parquet",
        "video_list.parquet",
    ]
    assert verify(past.warehouse).sound


def test_a_long_reader_delays_dropping_and_nothing_is_lost(
    past: Past, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiktok_pipeline.history.partitions.LOCK_TIMEOUT", "200ms")
    past.manifest()
    month, _ = write_month(past.warehouse, str(tmp_path), MONTH)
    with past.warehouse.transaction() as reader:
        reader.execute("select count(*) from capture.page")
        with pytest.raises(PipelineError, match="in use by a long transaction"):
            drop_month(past.warehouse, month)
        assert verify(past.warehouse).sound
    drop_month(past.warehouse, month)
    assert (pages(past), events(past)) == (8, ["written", "drop confirmed", "dropped"])


KILLED = [
    ("publish", "before", 1, 20),
    ("_log", "before", 1, 20),
    ("_log", "after", 2, 20),
    ("detach", "after", 1, 14),
    ("_drop_tables", "before", 1, 8),
]


def test_killed_at_every_step_it_goes_on_and_loses_nothing(
    past: Past, database_url: str, tmp_path: Path
) -> None:
    past.manifest()
    before = checksums(past)
    context = multiprocessing.get_context("forkserver")  # loads the libraries once, and forks from there
    context.set_forkserver_preload([child.__name__])
    for function, when, number, left in KILLED:
        process = context.Process(
            target=child.archive_and_die, args=(database_url, str(tmp_path), function, when, number)
        )
        process.start()
        process.join(60)
        assert process.exitcode == -signal.SIGKILL, (function, when)
        assert pages(past) == left, (function, when)
        assert verify(past.warehouse).sound, (function, when)
        if left != 20:
            assert checksums(past) == before
    (month,) = months_to_archive(past.warehouse, BEFORE)
    drop_month(past.warehouse, write_month(past.warehouse, str(tmp_path), month)[0])
    assert pages(past) == 8
    assert events(past)[-1] == "dropped"
    rows(past.warehouse, "delete from snapshots.tiktok_video_daily")
    assert checksums(past) == before


def test_what_a_killed_rebuild_left_behind_is_removed_by_the_next(
    past: Past, tmp_path: Path, database_url: str
) -> None:
    before = checksums(past)
    archived(past, tmp_path)
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=child.restore_and_die, args=(database_url, DAYS[0], DAYS[-1]))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert pages(past) == 20
    assert checksums(past) == before
    assert pages(past) == 8
