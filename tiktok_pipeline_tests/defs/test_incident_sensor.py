"""The sensor of incidents beats on every good tick; the portal tells people when that stops."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo
from pydantic import SecretStr

from tiktok_pipeline.alerts.heartbeat import last_beat, ping
from tiktok_pipeline.alerts.outbox import list_messages
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.defs.sensors.incidents import incidents
from tiktok_pipeline.errors import PipelineError
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


def test_only_a_good_and_whole_look_asks_the_address_of_the_heartbeat(
    warehouse: Warehouse, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(instance: dg.DagsterInstance) -> str | None:
        resources = {"warehouse": WarehouseResource(database_url=database_url)}
        with dg.build_sensor_context(instance=instance, resources=resources) as context:
            answer = incidents(context)
        assert isinstance(answer, dg.SkipReason)
        return answer.skip_message

    sensor = importlib.import_module("tiktok_pipeline.defs.sensors.incidents")
    with Receiver() as receiver, dg.instance_for_test() as instance:
        address = SecretStr(receiver.url.removeprefix("webhook+"))
        monkeypatch.setattr(sensor.settings, "heartbeat_url", address)
        look(instance)
        assert receiver.received() == [{"asked": "/hooks/canary-secret"}]
        monkeypatch.setattr(sensor, "TICK_SECONDS", -1)
        said = look(instance)
        assert said is not None
        assert "no time for check_failed, circuit_open" in said
        assert said.endswith("HEARTBEAT_URL was not asked")
        monkeypatch.setattr(sensor, "TICK_SECONDS", 30)
        rows(warehouse, "alter table ops.circuit rename to away")
        with pytest.raises(PipelineError, match="condition circuit_open"):
            look(instance)
        assert len(receiver.received()) == 1
        rows(warehouse, "alter table ops.away rename to circuit")
        look(instance)
        assert len(receiver.received()) == 2


def test_an_address_that_takes_no_heartbeat_is_not_named(caplog: pytest.LogCaptureFixture) -> None:
    with Receiver() as receiver:
        assert ping(receiver.url.removeprefix("webhook+"))
    assert not ping("http://127.0.0.1:9/canary-secret")
    assert "canary" not in caplog.text


class Ticking:
    """The sensor on Dagster's real storage, by the daemons and beside the sensors that are written there."""

    def __init__(self, warehouse: Warehouse, url: str, instance: dg.DagsterInstance) -> None:
        self.warehouse = warehouse
        self.clock = DatabaseClock(warehouse)
        self.instance = instance
        self.resources = {"warehouse": WarehouseResource(database_url=url)}

    def tick(self, at: str, daemon: str = "a") -> None:
        self.clock.set(f"2026-03-10T{at}Z")
        self.instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), "SENSOR", daemon, []))
        with dg.build_sensor_context(instance=self.instance, resources=self.resources) as context:
            incidents(context)

    def of_another_sensor(self, *outcomes: TickStatus) -> None:
        """Ticks of a sensor that is on, the oldest first."""
        repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "repository")
        origin = RemoteInstigatorOrigin(repository, "reconnect")
        kind = InstigatorType.SENSOR
        if not self.instance.all_instigator_state():
            self.instance.add_instigator_state(
                InstigatorState(origin, kind, InstigatorStatus.RUNNING, SensorInstigatorData())
            )
        for outcome in outcomes:
            self.instance.create_tick(
                TickData(
                    origin.get_id(),
                    "reconnect",
                    kind,
                    outcome,
                    time.time(),
                    selector_id=origin.get_selector().get_id(),
                    error=SerializableErrorInfo("PipelineError: no key ring\n", [], "PipelineError")
                    if outcome == TickStatus.FAILURE
                    else None,
                )
            )

    def told(self) -> list[tuple[str, str]]:
        return [
            (told.message.details["what"], told.message.subject) for told in list_messages(self.warehouse)
        ]


@pytest.fixture
def ticking(warehouse: Warehouse, database_url: str) -> Iterator[Ticking]:
    with dg.instance_for_test() as instance:
        yield Ticking(warehouse, database_url, instance)


def test_a_sensor_whose_last_three_ticks_failed_is_told_with_the_error_until_one_succeeds(
    ticking: Ticking,
) -> None:
    failed, good = TickStatus.FAILURE, TickStatus.SKIPPED
    ticking.of_another_sensor(failed, good, failed, failed)
    ticking.tick("12:00")
    assert ticking.told() == []
    ticking.of_another_sensor(failed)
    ticking.tick("12:01")
    ticking.tick("12:02")
    assert ticking.told() == [("new", "reconnect fails: its last 3 ticks did")]
    [message] = [listed.message for listed in list_messages(ticking.warehouse)]
    assert "- PipelineError: no key ring\n" in message.body
    ticking.of_another_sensor(good)
    for minute in (3, 6):
        ticking.tick(f"12:{minute:02}")
    assert ticking.told()[1:] == [("over", "over: reconnect fails: its last 3 ticks did")]


def test_two_daemons_on_one_database_are_told_and_one_after_the_other_is_not(ticking: Ticking) -> None:
    for minute, daemon in enumerate("aaabbb"):
        ticking.tick(f"12:{minute:02}", daemon)  # a restart
    assert ticking.told() == []
    for minute, daemon in enumerate("bcbcbc", 20):
        ticking.tick(f"12:{minute:02}", daemon)
    assert ticking.told() == [("new", "2 Dagster daemons are at work")]


def test_a_daemon_that_beat_and_stopped_is_told_by_the_portal(ticking: Ticking) -> None:
    with Receiver() as receiver:
        settings = load_settings().model_copy(update={"alert_urls": SecretStr(receiver.url)})
        ticking.tick("12:00")
        for minute in (5, 11, 15):
            ticking.clock.set(f"2026-03-10T12:{minute:02}:00Z")
            watch_daemon(ticking.warehouse, settings)
        [got] = receiver.received()
    assert got["details"]["kind"] == "daemon_silent"
