"""The commands on history, as people run them."""

from __future__ import annotations

from pathlib import Path

from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.cli.conftest import CommandLine, cli
from tiktok_pipeline_tests.integration.history.conftest import Past

__all__ = ["cli"]


def test_verify_names_the_edited_day_and_fails(past: Past, cli: CommandLine, database_url: str) -> None:
    newest = past.manifest().newest
    assert newest is not None
    good = cli("verify", "--head", newest.head, DATABASE_URL=database_url)
    assert good.returncode == 0, good.stderr
    assert "5 days, 20 pages, 0 imported rows: nothing was edited" in good.stdout
    assert f"head {newest.head} (2026-02-02, revision 1)" in good.stdout
    with past.warehouse.transaction() as cursor:
        cursor.execute("alter table capture.page disable trigger user")
        cursor.execute(
            "update capture.page set body = '{}' where day = '2026-01-31' and endpoint = 'user_info'"
        )
        cursor.execute("alter table capture.page enable trigger user")
    bad = cli("verify", DATABASE_URL=database_url)
    assert bad.returncode == 1
    assert bad.stdout.startswith("2026-01-31: edited: content of the pages\n")
    assert cli("verify", "--from", "2026-02-01", DATABASE_URL=database_url).returncode == 0
    assert cli("verify", "--to", "2026-01-30", DATABASE_URL=database_url).returncode == 0


def test_verify_fails_with_a_head_that_is_not_of_this_chain(
    past: Past, cli: CommandLine, database_url: str
) -> None:
    past.manifest()
    answer = cli("verify", "--head", "f" * 64, DATABASE_URL=database_url)
    assert answer.returncode == 1
    assert "not in the chain" in answer.stderr


def test_verify_fails_when_there_are_captured_days_and_no_chain(
    past: Past, cli: CommandLine, database_url: str
) -> None:
    answer = cli("verify", DATABASE_URL=database_url)
    assert answer.returncode == 1
    assert "the chain is empty, and 2026-01-29 was captured" in answer.stderr
    past.manifest()
    reversed_range = cli("verify", "--from", "2026-02-01", "--to", "2026-01-30", DATABASE_URL=database_url)
    assert reversed_range.returncode == 1
    assert "the first day is after the last" in reversed_range.stderr


def test_archive_drops_only_the_months_that_were_named_twice(
    past: Past, cli: CommandLine, database_url: str, tmp_path: Path
) -> None:
    past.manifest()
    place = {"DATABASE_URL": database_url, "PAGES_ARCHIVE": str(tmp_path / "pages")}
    assert "PAGES_KEEP_DAYS" in cli("archive", **place).stderr
    at_once = cli("archive", "--yes-drop", "2026-01", PAGES_KEEP_DAYS="40", **place)
    assert at_once.returncode == 1
    assert "--yes-drop 2026-01: not written yet" in at_once.stderr
    assert not (tmp_path / "pages").exists()
    written = cli("archive", "--older-than", "40", **place)
    assert written.returncode == 0, written.stderr
    assert "2026-01: 12 pages, written and read back" in written.stdout
    unasked = cli("archive", "--drop", PAGES_KEEP_DAYS="40", **place)
    assert unasked.returncode == 1
    assert "--yes-drop 2026-01" in unasked.stderr
    elsewhere = cli(
        "archive", "--to", str(tmp_path / "b"), "--yes-drop", "2026-01", PAGES_KEEP_DAYS="40", **place
    )
    assert "stays for now" in elsewhere.stdout
    assert rows(past.warehouse, "select count(*) as pages from capture.page") == [{"pages": 20}]
    wrong = cli("archive", "--yes-drop", "2026-02", PAGES_KEEP_DAYS="40", **place)
    assert wrong.returncode == 1
    assert rows(past.warehouse, "select count(*) as pages from capture.page") == [{"pages": 20}]
    place["PAGES_ARCHIVE"] = str(tmp_path / "b")
    dropped = cli("archive", "--yes-drop", "2026-01", PAGES_KEEP_DAYS="40", **place)
    assert "2026-01: 12 pages dropped here" in dropped.stdout
    assert rows(past.warehouse, "select count(*) as pages from capture.page") == [{"pages": 8}]
    assert "read from the archive: 2026-01" in cli("verify", **place).stdout


def test_what_cannot_be_archived_is_one_line(
    past: Past, cli: CommandLine, database_url: str, tmp_path: Path
) -> None:
    past.manifest()
    (tmp_path / "file").write_text("")
    for days, place, said in (
        ("800000", str(tmp_path), ""),
        ("40", str(tmp_path / "file"), "cannot be written"),
        ("40", "memory://a", "not a place where pages last"),
    ):
        answer = cli("archive", "--older-than", days, "--to", place, DATABASE_URL=database_url)
        assert "Traceback" not in answer.stderr
        assert (answer.returncode == 1) == bool(said), answer.stderr
        assert said in answer.stderr


def test_rebuild_prints_rows_and_checksums(past: Past, cli: CommandLine, database_url: str) -> None:
    first = cli("rebuild", "--from", "2026-01-29", "--to", "2026-02-02", DATABASE_URL=database_url)
    assert first.returncode == 0, first.stderr
    lines = [line.split("│") for line in first.stdout.splitlines() if "tiktok_video_daily" in line]
    [(_, _, held, changed, checksum, _)] = lines
    assert (held.strip(), changed.strip(), len(checksum.strip())) == ("30", "30", 64)
    assert (
        checksum
        in cli("rebuild", "--from", "2026-01-29", "--to", "2026-02-02", DATABASE_URL=database_url).stdout
    )
    assert cli("rebuild", "--from", "yesterday", DATABASE_URL=database_url).stderr.startswith(
        "--from yesterday: not a date"
    )
