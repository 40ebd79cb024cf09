"""`tiktok-pipeline events list | replay | secret`, as people type them."""

from __future__ import annotations

import uuid

from tiktok_pipeline.events.delivery import deliver
from tiktok_pipeline.events.webhook import key_of
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.integration.cli.conftest import CommandLine
from tiktok_pipeline_tests.integration.events.hook import Hook
from tiktok_pipeline_tests.integration.events.telling import SECRET, targets, tell


def test_events_are_listed_and_delivered_again(
    cli: CommandLine, warehouse: Warehouse, database_url: str
) -> None:
    told = [tell(warehouse, 1, nth) for nth in range(3)]
    with Hook() as hook:
        where = {"EVENT_WEBHOOKS": hook.url, "EVENT_WEBHOOK_SECRET": SECRET, "DATABASE_URL": database_url}
        waiting = cli("events", "list", "--waiting", **where).stdout
        assert [line.split()[0] for line in waiting.splitlines()[::2]] == told
        deliver(warehouse, targets(event_webhooks=hook.url))
        assert cli("events", "list", "--waiting", **where).stdout == "no events wait\n"
        listed = cli("events", "list", "--most", "1", **where).stdout
        assert listed.startswith(told[2])
        assert listed.endswith(
            'account.connected  account:1\n    {"nth": 2, "account_id": 1}\n    webhook: sent\n'
        )
        assert "canary" not in listed
        assert cli("events", "list", "--type", "capture.gap", **where).stdout == "no events\n"
        again = cli("events", "replay", "--from", told[1], **where)
        assert (again.returncode, again.stdout) == (0, "2 deliveries are made again, by the sensor events\n")
        deliver(warehouse, targets(event_webhooks=hook.url))
        assert [event["event_id"] for event in hook.events] == [*told, *told[1:]]


def test_what_cannot_be_delivered_again_is_said_in_one_line(cli: CommandLine, database_url: str) -> None:
    def typed(first: str, *more: str, **settings: str) -> tuple[int, str]:
        answer = cli("events", "replay", "--from", first, *more, DATABASE_URL=database_url, **settings)
        return answer.returncode, answer.stderr

    redis = {"REDIS_URL": "redis://:canary@127.0.0.1:9"}
    nobody = str(uuid.uuid4())
    assert typed(nobody) == (
        1,
        "events: none of REDIS_URL, RABBITMQ_URL and EVENT_WEBHOOKS is set. Set one.\n",
    )
    assert typed(nobody, "--to", "webhook", **redis) == (
        1,
        "target webhook: not in the settings. There are: redis.\n",
    )
    assert typed("12", **redis) == (1, "event 12: no id. tiktok-pipeline events list shows them.\n")
    assert typed(nobody, **redis) == (
        1,
        f"event {nobody}: there is none. tiktok-pipeline events list shows them.\n",
    )


def test_a_secret_is_one(cli: CommandLine) -> None:
    assert len(key_of(cli("events", "secret").stdout.strip())) == 32
