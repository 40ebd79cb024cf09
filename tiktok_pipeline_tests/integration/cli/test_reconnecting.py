"""Accounts out of service and back, reconnect links and messages, as people type the commands."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest

from tiktok_pipeline.hub.accounts import list_accounts
from tiktok_pipeline.hub.flags import tell_people
from tiktok_pipeline.hub.links import ConnectLinks
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.capturing import Pipeline
from tiktok_pipeline_tests.integration.cli.conftest import Answer, CommandLine


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(accounts=3, videos=1, limit=0) as sandbox:
        yield sandbox


class Typed:
    """The command line on a database with three connected accounts, and what is typed into it."""

    def __init__(self, cli: CommandLine, url: str, pipeline: Pipeline, keys: Path) -> None:
        self.cli = cli
        self.accounts = pipeline.connect(3)
        self.warehouse = pipeline.warehouse
        self.settings = {
            "DATABASE_URL": url,
            "ENVIRONMENT": "test",
            "ENCRYPTION_KEYS_FILE": str(keys),
            "TIKTOK_API_BASE_URL": pipeline.sandbox.base_url,
            "TIKTOK_CLIENT_KEY": pipeline.sandbox.client_key,
            "TIKTOK_CLIENT_SECRET": pipeline.sandbox.client_secret,
            "PORTAL_URL": "https://stores.example.com",
        }

    def __call__(self, *words: object) -> Answer:
        return self.cli(*(str(word) for word in words), **self.settings)

    def statuses(self) -> list[str]:
        return [account.status for account in list_accounts(self.warehouse)]


@pytest.fixture
def typed(
    cli: CommandLine, warehouse: Warehouse, database_url: str, sandbox: SandboxProcess, tmp_path: Path
) -> Typed:
    sandbox.clear_faults()
    keys = tmp_path / "keys.json"
    return Typed(cli, database_url, Pipeline(warehouse, sandbox, keys), keys)


def test_an_account_is_disabled_and_enabled(typed: Typed) -> None:
    first = typed.accounts[0]
    assert typed("account", "disable", first).stdout == f"account {first}: disabled\n"
    assert "already" in typed("account", "disable", first).stdout
    assert typed.statuses() == ["DISABLED", "CONNECTED", "CONNECTED"]
    assert typed("account", "enable", first).stdout == f"account {first}: enabled, CONNECTED.\n"
    assert "was not disabled" in typed("account", "enable", first).stdout
    for verb in ("disable", "enable", "disconnect"):
        refused = typed("account", verb, 999)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.startswith("account 999: there is none.")


def test_an_account_is_disconnected_and_asks_to_be_reconnected(typed: Typed) -> None:
    first = typed.accounts[0]
    assert "TikTok has revoked its grant" in typed("account", "disconnect", first).stdout
    assert typed.statuses()[0] == "DISABLED"
    assert "no grant left" in typed("account", "disconnect", first).stdout
    assert f"tiktok-pipeline reconnect {first}" in typed("account", "enable", first).stdout
    made = typed("reconnect", "--all")
    [row] = csv.DictReader(io.StringIO(made.stdout))
    assert row["account_id"] == str(first)
    assert urlsplit(row["link"]).netloc == "stores.example.com"
    assert made.stderr == "1 links made, each good once and for 14 days\n"


def test_what_cannot_be_disconnected_says_what_to_do_in_one_line(
    typed: Typed, sandbox: SandboxProcess
) -> None:
    sandbox.set_faults(html_error=True)
    refused = typed("account", "disconnect", typed.accounts[0])
    assert refused.returncode == 1
    assert refused.stderr.strip().splitlines()[-1].endswith("--force")
    assert "its grant goes on there" in typed("account", "disconnect", typed.accounts[0], "--force").stdout


def test_all_are_disconnected_only_after_a_typed_sentence(
    typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    refused = typed("account", "disconnect", "--all")
    assert refused.returncode == 1
    assert "nothing was changed" in refused.stderr
    assert set(typed.statuses()) == {"CONNECTED"}
    monkeypatch.setattr(sys, "stdin", io.StringIO("disconnect 3 accounts\n"))
    assert "3 accounts disconnected" in typed("account", "disconnect", "--all").stdout
    assert set(typed.statuses()) == {"DISABLED"}
    assert "nothing to disconnect" in typed("account", "disconnect", "--all").stdout
    assert "3 accounts enabled" in typed("account", "enable", "--disconnected").stdout
    assert len(list(csv.DictReader(io.StringIO(typed("reconnect", "--all").stdout)))) == 3


@pytest.mark.parametrize(
    "words",
    [
        ("reconnect",), ("reconnect", "1", "--all"), ("reconnect", "1", "--ending-within", "5"),
        ("account", "disconnect"), ("account", "disconnect", "1", "--all"),
        ("account", "enable"), ("account", "enable", "1", "--disconnected"),
    ],
)  # fmt: skip
def test_half_a_command_is_refused_before_anything_is_opened(
    cli: CommandLine, words: tuple[str, ...]
) -> None:
    assert cli(*words).returncode == 2


def test_links_are_made_for_the_accounts_that_are_named(typed: Typed) -> None:
    made = typed("reconnect", *typed.accounts[:2])
    assert [int(row["account_id"]) for row in csv.DictReader(io.StringIO(made.stdout))] == typed.accounts[:2]
    assert typed("reconnect", 999).returncode == 1
    assert len(list(csv.DictReader(io.StringIO(typed("reconnect", "--all").stdout)))) == 0
    ending = typed("reconnect", "--all", "--ending-within", 400)
    assert len(list(csv.DictReader(io.StringIO(ending.stdout)))) == 3


def test_messages_are_listed_with_their_links_until_they_are_sent(typed: Typed, warehouse: Warehouse) -> None:
    assert typed("alerts", "list").stdout == "no messages wait\n"
    rows(
        warehouse,
        "update hub.store_accounts set status = 'NEED_RECONNECT', status_reason = E'said\\x1b[31m no'",
    )
    tell_people(warehouse, ConnectLinks(warehouse, b"s" * 40, "https://x.example.com", 14), ZoneInfo("UTC"))
    listed = typed("alerts", "list").stdout
    assert listed.count("must be reconnected") == 3
    assert listed.count("https://x.example.com/connect/") == 3
    assert "\x1b" not in listed
    rows(warehouse, "update ops.outbox set sent_at = ops.now()")
    assert typed("alerts", "list").stdout == "no messages wait\n"
    assert typed("alerts", "list", "--all", "--most", 2).stdout.count(", sent ") == 2
