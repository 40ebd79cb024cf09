"""The sensor of incidents beats on every good tick; the portal tells people when that stops."""

from __future__ import annotations

import dagster as dg
import pytest
from pydantic import SecretStr

from tiktok_pipeline.alerts.heartbeat import last_beat, ping
from tiktok_pipeline.alerts.outbox import list_messages
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.defs.sensors.incidents import incidents
from tiktok_pipeline.portal.watch import watch_daemon
from tiktok_pipeline.settings import load_settings
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import DatabaseClock, rows
from tiktok_pipeline_tests.integration.alerts.receiver import Receiver


def test_a_good_tick_beats_in_the_database(warehouse: Warehouse, database_url: str) -> None:
    with dg.instance_for_test() as instance:
        resources = {"warehouse": WarehouseResource(database_url=database_url)}
        with dg.build_sensor_context(instance=instance, resources=resources) as context:
            answer = incidents(context)
    assert isinstance(answer, dg.SkipReason)
    assert answer.skip_message == "0 found, 0 messages"
    latest = last_beat(warehouse)
    assert latest is not None
    assert latest.minutes < 1


def test_the_portal_sends_the_alarm_of_a_dead_daemon_itself(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    with Receiver() as receiver:
        settings = load_settings().model_copy(update={"alert_urls": SecretStr(receiver.url)})
        assert not watch_daemon(warehouse, settings)
        clock.set("2026-03-10T12:00:00Z")
        rows(warehouse, "insert into ops.heartbeat (daemon) values ('a')")
        assert not watch_daemon(warehouse, settings)
        clock.set("2026-03-10T12:11:00Z")
        assert watch_daemon(warehouse, settings)
        assert receiver.received() == []
        clock.set("2026-03-10T12:15:00Z")
        for _ in range(2):
            assert watch_daemon(warehouse, settings)
        [got] = receiver.received()
    assert got["details"]["kind"] == "daemon_silent"
    assert len(list_messages(warehouse)) == 1


def test_an_address_that_takes_no_heartbeat_is_not_named(caplog: pytest.LogCaptureFixture) -> None:
    with Receiver() as receiver:
        assert ping(receiver.url.removeprefix("webhook+"))
    assert not ping("http://127.0.0.1:9/canary-secret")
    assert "canary" not in caplog.text
