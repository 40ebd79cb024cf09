"""`tiktok-pipeline import-history` as people run it, and as it is killed."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tiktok_pipeline.crash_points import VARIABLE
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import add_account, rows
from tiktok_pipeline_tests.integration.cli.conftest import CommandLine, clean_environment, command
from tiktok_pipeline_tests.integration.importing.conftest import csv_file
from tiktok_pipeline_tests.integration.importing.hub import made_hub

VIDEOS = "store_code,video_id,snapshot_date,view_count,encrypted_access_token"


def test_the_summary_says_what_was_imported_refused_and_is_to_be_derived(
    cli: CommandLine, warehouse: Warehouse, database_url: str, tmp_path: Path
) -> None:
    add_account(warehouse)
    path = csv_file(
        tmp_path / "tiktok_video_daily.csv",
        VIDEOS,
        "jakarta_01,71,2024-12-30,5,canary",
        "jakarta_01,72,2025-01-02,many,canary",
        "jakarta_01,73,2025-01-02,1,canary,canary",
        "jakarta_01,74,2025-01-02,5,canary",
    )
    rehearsed = cli("import-history", str(path), "--dry-run", DATABASE_URL=database_url)
    assert rehearsed.returncode == 0, rehearsed.stderr
    assert "nothing was changed" in rehearsed.stdout
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert not rows(warehouse, "select from capture.account_day")
    answer = cli("import-history", str(path), DATABASE_URL=database_url)
    assert answer.returncode == 0, answer.stderr
    assert "tiktok-pipeline rebuild --from 2024-12-30 --to 2025-01-02" in answer.stdout
    assert "not read: encrypted_access_token" in answer.stdout
    assert "view_count: not a whole number" in answer.stdout
    assert "START_DATE=2024-12-30" in answer.stdout
    [refused] = tmp_path.glob("import_refused_*.csv")
    text = refused.read_text(encoding="utf-8")
    assert text.splitlines()[0] == "file,line,table,reason,row"
    assert "canary" not in text + answer.stdout + answer.stderr
    assert cli("import-history", str(path), DATABASE_URL=database_url).returncode == 0  # all of it is there


def test_it_exits_with_1_when_nothing_could_be_imported(
    cli: CommandLine, database_url: str, tmp_path: Path
) -> None:
    path = csv_file(tmp_path / "videos.csv", VIDEOS, "nowhere,71,2025-01-01,5,")
    options = ("--table", "tiktok_video_daily", "--refused", "no.csv")
    assert cli("import-history", str(path), *options, DATABASE_URL=database_url).returncode == 1
    again = cli("import-history", str(path), *options, DATABASE_URL=database_url)
    assert (again.returncode, again.stderr.strip().splitlines()[-1][:17]) == (1, "--refused no.csv:")


def test_a_source_that_is_none_is_one_line(cli: CommandLine, database_url: str, tmp_path: Path) -> None:
    csv_file(tmp_path / "odd.csv", VIDEOS)
    for source, words in (
        ("nowhere", "there is no such file or folder"),
        ("mysql://me:hunter2@there/hub", "neither a file, a folder nor postgresql://"),
        ("postgresql://me:hunter2@there:port/hub", "must look like postgresql://"),
        ("postgresql://me:hunter2@127.0.0.1:9/hub", "database hub on 127.0.0.1: "),
        ("odd.csv", "which table is it? Say --table"),
        (".", "holds no stores"),
    ):
        answer = cli("import-history", source, DATABASE_URL=database_url)
        assert answer.returncode == 1
        assert words in answer.stderr
        assert answer.stderr.strip().count("\n") == 0
        assert "hunter2" not in answer.stderr


@pytest.mark.parametrize("moment", ["import_before_commit", "import_after_commit"])
def test_an_import_that_was_killed_goes_on_where_it_was(
    cli: CommandLine, warehouse: Warehouse, database_url: str, tmp_path: Path, moment: str
) -> None:
    hub = made_hub(stores=2, days=3, videos=2)
    folder = hub.to_csv(tmp_path / "hub")
    killed = subprocess.run(
        command("import-history", str(folder)),
        cwd=tmp_path,
        env=clean_environment(DATABASE_URL=database_url, **{VARIABLE: moment}),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    held = "select count(*) as n from capture.imported"
    expected = 2 * 3 + 2 * 3 * 2
    assert rows(warehouse, held) == [{"n": 0 if moment == "import_before_commit" else expected}]
    assert cli("import-history", str(folder), DATABASE_URL=database_url).returncode == 0
    assert rows(warehouse, held) == [{"n": expected}]
