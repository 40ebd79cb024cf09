"""`tiktok-pipeline failed`: what failed by cause, and another try for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiktok_pipeline.capture.ledger import Failure
from tiktok_pipeline.runtime.data_folder import DataFolder
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import DatabaseClock, add_account, ledger, rows
from tiktok_pipeline_tests.integration.cli.conftest import CommandLine

TIKTOK = {"TIKTOK_CLIENT_KEY": "key", "TIKTOK_CLIENT_SECRET": "canary-secret"}


@pytest.fixture
def settings(warehouse: Warehouse, database_url: str) -> dict[str, str]:
    """Two accounts whose videos failed today: TikTok was down, and it refused."""
    book = ledger(warehouse)
    for name in ("down", "refused"):
        add_account(warehouse, name)
    book.plan(book.today())
    first, second = sorted(book.claim(book.today(), 2), key=lambda unit: unit.account_id)
    book.fail(first, Failure("provider_down", "internal_error", "TikTok [is] down", 500, "L1"))
    book.fail(second, Failure("malformed", "invalid_params", "refused", 400, "L2", final=True))
    return {**TIKTOK, "DATABASE_URL": database_url}


def states(warehouse: Warehouse) -> list[bool]:
    found = rows(
        warehouse, "select final from capture.account_day where state = 'failed' order by account_id"
    )
    return [row["final"] for row in found]


def test_causes_are_listed_with_count_age_and_an_example(cli: CommandLine, settings: dict[str, str]) -> None:
    answer = cli("failed", "list", **settings)
    assert answer.returncode == 0, answer.stderr
    assert "provider_down: internal_error" in answer.stdout
    assert "account 1 (store jakarta_01): TikTok [is] down (log_id L1)" in answer.stdout
    (down,) = (line for line in answer.stdout.splitlines() if "internal_error" in line)
    (refused,) = (line for line in answer.stdout.splitlines() if "invalid_params" in line)
    assert "by itself" in down
    assert "by you" in refused


def test_a_dry_run_says_what_would_be_tried_and_changes_nothing(
    cli: CommandLine, settings: dict[str, str], warehouse: Warehouse
) -> None:
    rows(warehouse, "update hub.store_accounts set status = 'NEED_RECONNECT' where open_id = 'down'")
    answer = cli("failed", "retry", "--dry-run", **settings)
    assert answer.returncode == 0, answer.stderr
    assert "not tried: a person must reconnect it first" in answer.stdout
    assert "tried again" in answer.stdout
    assert states(warehouse) == [False, True]
    assert cli("failed", "retry", "--cause", "poison", "--dry-run", **settings).stdout.startswith("nothing")


def test_beside_a_command_that_serves_a_retry_is_left_to_its_schedule(
    cli: CommandLine, settings: dict[str, str], warehouse: Warehouse, tmp_path: Path
) -> None:
    with DataFolder(tmp_path / "data"):
        answer = cli("failed", "retry", "--cause", "malformed", "--account", "2", **settings)
    assert answer.returncode == 0, answer.stderr
    assert "1 account-days wait for their next try" in answer.stdout
    assert "within 30 minutes" in answer.stdout
    assert states(warehouse) == [False, False]
    assert ledger(warehouse).plan(ledger(warehouse).today()) == 2


def test_a_day_that_has_passed_cannot_be_retried_and_nothing_is_started(
    cli: CommandLine, settings: dict[str, str], warehouse: Warehouse, clock: DatabaseClock
) -> None:
    (found,) = rows(
        warehouse, "select ops.now() + interval '1 day' as tomorrow, min(day) as day from capture.account_day"
    )
    clock.set(found["tomorrow"])
    answer = cli("failed", "retry", **settings)
    assert answer.returncode == 0, answer.stderr
    assert f"not tried: {found['day']} has passed" in answer.stdout
    assert states(warehouse) == [False, True]
    ledger(warehouse).close_all()
    assert cli("failed", "list", **settings).stdout == "nothing is failed now\n"
