"""`tiktok-pipeline quarantine` and `broken`: what reports leave out, what is broken, and one command against it."""

from __future__ import annotations

import datetime as dt

import pytest

from tiktok_pipeline.alerts.incidents import Facts, look
from tiktok_pipeline.quality.broken import broken_now
from tiktok_pipeline.quality.verdicts import Verdict, keep_verdicts
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import add_account, ledger, rows
from tiktok_pipeline_tests.integration.cli.conftest import CommandLine


@pytest.fixture
def held(warehouse: Warehouse, database_url: str) -> dict[str, str]:
    """An account with two quarantined days."""
    account = add_account(warehouse, store="jakarta_01")
    rows(
        warehouse,
        """
        insert into snapshots.quarantine (account_id, endpoint, day, check_name, reason)
        select %s, 'video_list', d::date, 'zeroed_videos', '24 of 25 videos fell to zero'
        from generate_series(date '2026-11-01', date '2026-11-02', interval '1 day') as d
        """,
        account,
    )
    return {"DATABASE_URL": database_url}


def test_what_is_in_quarantine_is_listed_and_released_with_a_note(
    cli: CommandLine, held: dict[str, str], warehouse: Warehouse
) -> None:
    shown = cli("quarantine", "list", **held, COLUMNS="200")
    assert shown.returncode == 0, shown.stderr
    assert "1 (store jakarta_01)" in shown.stdout
    assert "24 of 25 videos fell to zero" in shown.stdout
    answer = cli("quarantine", "release", "1", "--note", "TikTok says it is right", **held)
    assert answer.returncode == 0, answer.stderr
    assert "account 1, video_list of 2026-11-01: released from zeroed_videos" in answer.stdout
    [row] = rows(warehouse, "select * from snapshots.quarantine where released_at is not null")
    assert (row["id"], row["release_note"]) == (1, "TikTok says it is right")
    answer = cli("quarantine", "release", "--account", "1", "--from", "2026-11-02", "--note", "so", **held)
    assert answer.returncode == 0, answer.stderr
    assert cli("quarantine", "list", **held).stdout == "nothing is in quarantine\n"
    assert "TikTok says it is right" in cli("quarantine", "list", "--all", **held, COLUMNS="300").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["1"], "--note: say why"),
        (["--note", "x"], "Give the NUMBER"),
        (["1", "--account", "1", "--note", "x"], "Give the NUMBER"),
        (["--account", "1", "--note", "x"], "--account needs --from"),
        (["--account", "1", "--from", "yesterday", "--note", "x"], "--from yesterday: not a date"),
        (["77", "--note", "x"], "Nothing of that is in quarantine"),
    ],
)
def test_a_wrong_release_is_one_line_and_changes_nothing(
    cli: CommandLine, held: dict[str, str], warehouse: Warehouse, arguments: list[str], said: str
) -> None:
    answer = cli("quarantine", "release", *arguments, **held)
    assert answer.returncode == 1
    assert answer.stderr.startswith(said)
    assert answer.stderr.count("\n") == 1
    assert rows(warehouse, "select * from snapshots.quarantine where released_at is not null") == []


def test_what_is_broken_now_is_listed_with_what_to_do(
    cli: CommandLine, warehouse: Warehouse, database_url: str
) -> None:
    given = {"DATABASE_URL": database_url, "COLUMNS": "250"}
    answer = cli("broken", **given)
    assert (answer.returncode, answer.stdout) == (0, "nothing is broken\n")
    add_account(warehouse, status="NEED_RECONNECT")
    today = ledger(warehouse).today()
    keep_verdicts(
        warehouse,
        "snapshots.tiktok_video_daily",
        "zero_beside_large",
        "warning",
        "capture today again",
        [Verdict(today, "3 of 9 videos; an example", 9, 3)],
    )
    answer = cli("broken", **given)
    assert answer.returncode == 1
    assert "reconnect: accounts whose grant has ended" in answer.stdout
    assert "check: zero_beside_large of snapshots.tiktok_video_daily" in answer.stdout
    assert "tiktok-pipeline reconnect --all" in answer.stdout
    assert "capture today again" in answer.stdout
    assert "2 things are broken" in cli("doctor", **given).stdout
    keep_verdicts(
        warehouse,
        "snapshots.tiktok_video_daily",
        "zero_beside_large",
        "warning",
        "",
        [Verdict(today, "", 9, 0)],
    )
    assert "zero_beside_large" not in cli("broken", **given).stdout


def test_open_incidents_are_broken_too_and_stand_there_once(warehouse: Warehouse) -> None:
    add_account(warehouse)
    book = ledger(warehouse)
    today = book.today()
    book.plan(today)
    tick = {"name": "reconnect", "failures": 3, "error": "no key ring"}
    facts = Facts("UTC", dt.time(23, 59, 59), ticks=[tick])

    def broken() -> list[tuple[str, str]]:
        look(warehouse, facts)
        return [(one.kind, one.what) for one in broken_now(warehouse)]

    def verdict(day: dt.date, said: str) -> None:
        keep_verdicts(warehouse, "a.b", "sums", "error", "add them up", [Verdict(day, said)])

    assert broken() == [("incident", "reconnect fails: its last 3 ticks did")]
    verdict(today - dt.timedelta(days=2), "1 is off")
    assert ("check", "sums of a.b, error") in broken()
    assert len(broken()) == 2
    # A newer day passes: the older one is told of still.
    verdict(today, "")
    assert [what for kind, what in broken() if kind == "incident"][-1].startswith(
        "the check sums of a.b fails on "
    )
    assert [one.what_to_do for one in broken_now(warehouse)][-1].startswith("What helps: add them up. ")
    assert len(broken()) == 2
