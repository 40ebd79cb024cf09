"""The reconnect sensor on an ephemeral instance: bounded ticks, nothing told twice, one run when it is needed."""

from __future__ import annotations

import json
import time
from pathlib import Path

import dagster as dg
import pytest

from tiktok_pipeline.alerts.outbox import list_messages
from tiktok_pipeline.definitions import defs
from tiktok_pipeline.defs.resources import ConnectLinksResource, WarehouseResource
from tiktok_pipeline.defs.sensors.reconnect import reconnect
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import (
    DatabaseClock,
    add_account,
    capture_today,
    ledger,
    rows,
    user_body,
    videos_body,
)


class Ticking:
    """The sensor, tick by tick; it keeps its cursor as the daemon does."""

    def __init__(self, warehouse: Warehouse, url: str, folder: Path) -> None:
        self.warehouse = warehouse
        self.instance = dg.DagsterInstance.ephemeral()
        self.cursor: str | None = None
        self.resources = {
            "warehouse": WarehouseResource(database_url=url),
            "links": ConnectLinksResource(
                portal_url="https://stores.example.com", data_dir=str(folder), secret_file=None, days=14
            ),
        }

    def tick(self, *, dies: bool = False) -> dg.SensorResult:
        """One tick; one that `dies` does so after its commit, before Dagster has noted it."""
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            resources=self.resources,
            repository_def=defs().get_repository_def(),
        ) as context:
            result = reconnect(context)
        assert isinstance(result, dg.SensorResult)
        if not dies:
            self.cursor = result.cursor
        return result

    def asks(self, *, dies: bool = False) -> list[tuple[str | None, str | None]]:
        """Run key and partition of what a tick asks for."""
        return [(run.run_key, run.partition_key) for run in self.tick(dies=dies).run_requests or []]

    def told(self) -> list[str]:
        """The kinds of the messages so far."""
        return [listed.message.kind for listed in list_messages(self.warehouse)]

    def newest(self) -> int:
        """The newest change of status."""
        return int(rows(self.warehouse, "select max(id) as id from hub.status_change")[0]["id"])

    def run_of_today(self, status: dg.DagsterRunStatus) -> dg.DagsterRun:
        """A run of the daily job for 10 March."""
        return self.instance.create_run_for_job(
            dg.GraphDefinition("daily", node_defs=[]).to_job(),
            tags={"dagster/partition": "2026-03-10"},
            status=status,
        )


@pytest.fixture
def ticking(warehouse: Warehouse, clock: DatabaseClock, database_url: str, tmp_path: Path) -> Ticking:
    clock.set("2026-03-10T09:00:00")
    return Ticking(warehouse, database_url, tmp_path)


def set_status(warehouse: Warehouse, account: int, status: str) -> None:
    rows(warehouse, "update hub.store_accounts set status = %s where id = %s", status, account)


def capture_everything(warehouse: Warehouse) -> None:
    capture_today(ledger(warehouse, "user_info"), user_body())
    capture_today(ledger(warehouse, "video_list"), videos_body())


def test_a_flag_sends_a_link_and_the_reconnect_launches_one_run_of_today(
    ticking: Ticking, warehouse: Warehouse
) -> None:
    account = add_account(warehouse)
    capture_everything(warehouse)
    assert ticking.asks() == []
    rows(warehouse, "delete from capture.account_day")  # another day begins, so to say
    set_status(warehouse, account, "NEED_RECONNECT")
    assert ticking.asks() == []
    assert ticking.told() == ["reconnect"]
    set_status(warehouse, account, "CONNECTED")
    assert ticking.asks() == [(f"connected {ticking.newest()}", "2026-03-10")]
    assert ticking.told() == ["reconnect", "reconnected"]
    assert ticking.asks() == []


def test_several_that_connect_at_once_share_one_run(ticking: Ticking, warehouse: Warehouse) -> None:
    for number in range(5):
        add_account(warehouse, f"open {number}")
    assert ticking.asks() == [(f"connected {ticking.newest()}", "2026-03-10")]
    assert ticking.asks() == []


def test_what_is_captured_already_needs_no_run(ticking: Ticking, warehouse: Warehouse) -> None:
    add_account(warehouse)
    capture_everything(warehouse)
    result = ticking.tick()
    assert result.run_requests == []
    assert result.skip_reason
    assert "has its captures of today" in str(result.skip_reason)


def test_before_two_the_run_at_two_is_enough(
    ticking: Ticking, warehouse: Warehouse, clock: DatabaseClock
) -> None:
    clock.set("2026-03-10T01:00:00")
    add_account(warehouse)
    assert ticking.asks() == []
    clock.set("2026-03-10T02:30:00")
    assert ticking.asks() == []


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED])
@pytest.mark.parametrize("included", [True, False])
def test_beside_a_run_of_today_it_waits_and_then_asks_the_ledger(
    ticking: Ticking, warehouse: Warehouse, status: dg.DagsterRunStatus, included: bool
) -> None:
    run = ticking.run_of_today(status)
    add_account(warehouse)
    for _ in range(2):
        result = ticking.tick()
        assert result.run_requests == []
        assert "wait for the run of today to end" in str(result.skip_reason)
    if included:  # it planned after the account was connected
        capture_everything(warehouse)
    ticking.instance.report_run_failed(run)
    assert len(ticking.asks()) == (0 if included else 1)


def test_a_cursor_that_is_reset_tells_nothing_twice_and_asks_for_the_same_run(
    ticking: Ticking, warehouse: Warehouse
) -> None:
    set_status(warehouse, add_account(warehouse, "waits"), "NEED_RECONNECT")
    add_account(warehouse)
    first = ticking.asks()
    told = ticking.told()
    for broken in (None, "", "not json", '{"other": 1}', '{"connected": null}', "[1]"):
        ticking.cursor = broken
        assert ticking.asks() == first  # Dagster launches a run key once
    assert ticking.told() == told


def test_a_tick_that_dies_after_its_commit_loses_nothing(ticking: Ticking, warehouse: Warehouse) -> None:
    account = add_account(warehouse)
    ticking.tick()
    set_status(warehouse, account, "NEED_RECONNECT")
    ticking.tick(dies=True)
    set_status(warehouse, account, "CONNECTED")
    died = ticking.asks(dies=True)
    assert len(died) == 1
    assert ticking.asks() == died
    assert ticking.told() == ["reconnect", "reconnected"]


def test_a_tick_is_bounded_and_the_next_ones_do_the_rest(ticking: Ticking, warehouse: Warehouse) -> None:
    for number in range(250):
        add_account(warehouse, f"open {number}", status="NEED_RECONNECT")
    told = []
    for _ in range(4):
        began = time.monotonic()
        ticking.tick()
        assert time.monotonic() - began < 40
        told.append(len(ticking.told()))
    assert told == [100, 200, 250, 250]


def test_a_tick_stops_at_its_deadline(
    ticking: Ticking, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        add_account(warehouse, f"open {number}", status="NEED_RECONNECT")
    monkeypatch.setattr("tiktok_pipeline.defs.sensors.reconnect.TICK_SECONDS", 0)
    ticking.tick()
    assert ticking.told() == []
    monkeypatch.undo()
    ticking.tick()
    assert len(ticking.told()) == 30


def test_a_portal_secret_that_cannot_be_used_fails_the_tick_and_loses_nothing(
    ticking: Ticking, warehouse: Warehouse, tmp_path: Path
) -> None:
    set_status(warehouse, add_account(warehouse), "NEED_RECONNECT")
    usable = ticking.resources["links"]
    ticking.resources["links"] = ConnectLinksResource(
        portal_url="https://x.example.com",
        data_dir=str(tmp_path),
        secret_file=str(tmp_path / "none"),
        days=14,
    )
    with pytest.raises(Exception, match="portal secret"):
        ticking.tick()
    ticking.resources["links"] = usable
    ticking.tick()
    assert ticking.told() == ["reconnect"]


def test_the_cursor_says_up_to_which_change_it_has_looked(ticking: Ticking, warehouse: Warehouse) -> None:
    add_account(warehouse)
    ticking.tick()
    assert json.loads(ticking.cursor or "") == {"connected": ticking.newest()}
