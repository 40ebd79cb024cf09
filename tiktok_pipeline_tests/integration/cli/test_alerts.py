"""`tiktok-pipeline alerts test | mute | list` with real receivers, as people type them."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest

from tiktok_pipeline.alerts.delivery import deliver
from tiktok_pipeline.alerts.outbox import OPERATORS, put
from tiktok_pipeline.alerts.routes import channels_of
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import DatabaseClock
from tiktok_pipeline_tests.integration.alerts.receiver import Receiver
from tiktok_pipeline_tests.integration.cli.conftest import CommandLine


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def test_a_test_message_tells_of_each_channel_whether_it_took_it(
    cli: CommandLine, receiver: Receiver
) -> None:
    receiver.answers(200, forget=True)
    urls = f"{receiver.url},error=json://u:canary@127.0.0.1:9,store=mailto://127.0.0.1:9?from=b@c.de&to={{contact}}"
    tried = cli("alerts", "test", ALERT_URLS=urls)
    assert tried.stdout.splitlines()[:2] == ["webhook+http: ok", "json: not reached"]
    assert tried.stdout.splitlines()[2].startswith("mailto: not tried. Give --contact")
    assert (tried.returncode, tried.stderr) == (1, "")
    assert "a test message" in receiver.received()[0]["message"]
    assert cli("alerts", "test", ALERT_URLS=receiver.url).returncode == 0
    with_contact = cli("alerts", "test", "--contact", "ayu@example.com", ALERT_URLS=urls)
    assert with_contact.stdout.splitlines()[2] == "mailto: not reached"
    assert "canary" not in tried.stdout + with_contact.stdout


def test_a_test_without_channels_names_the_setting(cli: CommandLine) -> None:
    refused = cli("alerts", "test")
    assert refused.returncode == 1
    assert refused.stderr.startswith("ALERT_URLS: not set.")


def test_something_is_muted_listed_and_heard_of_again(cli: CommandLine, database_url: str) -> None:
    def typed(*words: str) -> tuple[int, str]:
        answer = cli("alerts", "mute", *words, DATABASE_URL=database_url)
        return answer.returncode, answer.stdout + answer.stderr

    assert typed("reconnected", "--for", "8h")[1].startswith("reconnected: muted until 20")
    assert typed("--list")[1].endswith(", 0 messages so far\n")
    assert typed("reconnected", "--end") == (0, "reconnected: not muted any more\n")
    assert typed("--list") == (0, "nothing is muted\n")
    assert typed("reconnected", "--end")[0] == 1
    assert typed("reconnected", "--for", "ever") == (1, "'ever': give how long as 30m, 8h or 3d.\n")
    assert typed("Re connected")[0] == 1
    assert typed()[0] == 2


def test_the_list_says_how_far_each_channel_is(
    cli: CommandLine, warehouse: Warehouse, database_url: str, receiver: Receiver
) -> None:
    receiver.answers(200, forget=True)
    with warehouse.transaction() as cursor:
        put(cursor, key="a", kind="a", severity="error", recipient=OPERATORS, subject="subject", body="body")
    urls = f"{receiver.url} json://canary@127.0.0.1:9"
    deliver(warehouse, channels_of(urls), ZoneInfo("UTC"))
    listed = cli("alerts", "list", DATABASE_URL=database_url).stdout
    assert listed.splitlines()[-3:] == [
        "      json: waits, 1 attempts: not reached",
        "      webhook+http: sent",
        "",
    ]
    assert "canary" not in listed


def test_the_list_says_what_was_given_up(
    cli: CommandLine, warehouse: Warehouse, database_url: str, clock: DatabaseClock
) -> None:
    clock.set("2026-03-10T12:00:00Z")
    with warehouse.transaction() as cursor:
        put(cursor, key="a", kind="a", severity="error", recipient=OPERATORS, subject="subject", body="body")
    for day in (10, 14):
        clock.set(f"2026-03-{day}T12:00:00Z")
        deliver(warehouse, channels_of("json://canary@127.0.0.1:9"), ZoneInfo("UTC"))
    listed = cli("alerts", "list", DATABASE_URL=database_url).stdout
    assert "given up 2026-03-14" in listed
    assert "json: given up, 2 attempts: not reached" in listed
    clock.set("2026-04-10T12:00:00Z")
    assert "subject\n" not in cli("alerts", "list", DATABASE_URL=database_url).stdout
    assert "given up 2026-03-14" in cli("alerts", "list", "--all", DATABASE_URL=database_url).stdout
