"""`tiktok-pipeline digest`: on the terminal, as a file, sent once; and what it says of a wrong date or store."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiktok_pipeline.alerts.outbox import list_messages
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import DatabaseClock
from tiktok_pipeline_tests.integration.cli.conftest import CommandLine
from tiktok_pipeline_tests.integration.digest.week import Week


@pytest.fixture
def week(warehouse: Warehouse, clock: DatabaseClock) -> Week:
    made = Week(warehouse, clock)
    made.fill()
    return made


def test_a_day_is_told_as_text_a_store_alone_and_as_a_file_with_charts(
    cli: CommandLine, week: Week, database_url: str, tmp_path: Path
) -> None:
    given = {"DATABASE_URL": database_url, "REPORTING_TIMEZONE": "UTC"}
    latest = cli("digest", **given)
    assert (latest.returncode, latest.stderr) == (0, "")
    assert latest.stdout.startswith("Complete: all 2 accounts were observed.\n")
    assert "Followers: +7 (+10 gained, −3 lost), 1,535 in all" in latest.stdout
    assert latest.stdout == cli("digest", "--date", str(week.date(5)), **given).stdout
    gap = cli("digest", "--date", str(week.date(2)), "--store", "store_1", **given).stdout
    assert gap.startswith("This day is incomplete. Missing: the profile of 1 of 1 account")
    for format, begins in (("markdown", "# What changed on "), ("html", "<!doctype html>")):
        file = tmp_path / f"digest.{format}"
        assert cli("digest", "--format", format, "--output", str(file), **given).stdout == ""
        assert file.read_text(encoding="utf-8").startswith(begins)
        assert file.read_text(encoding="utf-8").count("data:image/") == 3


def test_a_digest_is_sent_once(cli: CommandLine, week: Week, database_url: str) -> None:
    given = {"DATABASE_URL": database_url, "REPORTING_TIMEZONE": "UTC", "DIGEST_URLS": "json://127.0.0.1:9"}
    said = [cli("digest", "--date", str(week.date(3)), "--send", **given).stdout for _ in range(2)]
    assert said == [
        "1 to send: tiktok-pipeline alerts list\n",
        "nothing to send: it was before, or no channel and no contact wants it\n",
    ]
    assert [one.message.key for one in list_messages(week.warehouse)] == [f"digest:{week.date(3)}:company"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--format", "pdf"), "--format pdf: not known. Use one of text, markdown, html."),
        (("--date", "2026-13-01"), "--date"),
        (("--date", "2999-01-01"), "2999-01-01: that day has not begun."),
        (("--store", "nowhere"), "store 'nowhere': there is none."),
        (("--output", "no/such/folder"), "--output no/such/folder: cannot be written"),
        (("--send",), "DIGEST_URLS: not set."),
    ],
)
def test_what_cannot_be_told_is_one_sentence(
    cli: CommandLine, database_url: str, arguments: tuple[str, ...], said: str
) -> None:
    answer = cli("digest", *arguments, DATABASE_URL=database_url)
    assert answer.returncode == 1
    assert answer.stderr.startswith(said)
    assert answer.stderr.count("\n") == 1
