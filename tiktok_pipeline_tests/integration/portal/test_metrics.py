"""`/metrics`: for whoever has the token, and what it says is what happened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from tiktok_pipeline.capture.ledger import Ledger
from tiktok_pipeline.events.delivery import deliver
from tiktok_pipeline.events.targets import targets_of
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.tiktok.counts import RequestCounts
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import add_account, capture_today, ledger, rows, videos_body
from tiktok_pipeline_tests.capturing import Pipeline
from tiktok_pipeline_tests.integration.portal.conftest import Portal, running_portal

TOKEN = "a-token-for-prometheus"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def watched(warehouse: Warehouse, portal_sandbox: SandboxProcess, tmp_path: Path) -> Iterator[Portal]:
    with running_portal(
        warehouse,
        portal_sandbox,
        tmp_path,
        metrics_token=SecretStr(TOKEN),
        redis_url=SecretStr("redis://127.0.0.1:9/0"),
    ) as portal:
        yield portal


def read(portal: Portal) -> dict[tuple[str, ...], float]:
    """Every sample: its name and the values of its labels."""
    answer = portal.get("/metrics", headers=HEADERS)
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_without_the_token_there_is_nothing_to_read(watched: Portal, portal: Portal) -> None:
    assert portal.get("/metrics", headers=HEADERS).status_code == 404, "METRICS_TOKEN is not set"
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer "}):
        answer = watched.get("/metrics", headers=headers)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    by_address = watched.get("/metrics", headers={**HEADERS, "Host": "10.1.2.3:8000"})
    assert by_address.status_code == 200, "Prometheus asks by the address of the pod"


def test_the_tables_are_told(watched: Portal) -> None:
    warehouse = watched.warehouse
    for nth in range(3):
        add_account(warehouse, f"-000{nth}", status=("CONNECTED", "CONNECTED", "NEED_RECONNECT")[nth])
    rows(
        warehouse,
        "update hub.store_accounts set refresh_token_expires_at = ops.now() + interval '5 days' where open_id = '-0001'",
    )
    today = capture_today(ledger(warehouse), videos_body())
    rows(warehouse, "insert into ops.quota_slot values ('key', '/v2/video/list/', 0, ops.now())")
    rows(
        warehouse,
        "insert into ops.quota_slot values ('key', '/v2/video/list/', 1, ops.now() - interval '2 min')",
    )
    rows(warehouse, "insert into ops.quota_slot values ('key', '/v2/video/list/ scheduled', 1, ops.now())")
    counts = RequestCounts(warehouse)
    for status in (200, 200, 500, "deadline"):
        counts.note("/v2/video/list/", status)
    counts.note("/v2/oauth/token/ refresh_token", 200)
    counts.add_up()
    deliver(warehouse, targets_of(watched.settings))
    said = read(watched)
    assert said["tiktok_database_up",] == 1
    assert said["tiktok_accounts", "CONNECTED"] == 2
    assert said["tiktok_accounts", "NEED_RECONNECT"] == 1
    assert said["tiktok_accounts", "ERROR"] == 0
    assert said["tiktok_captures", "video_list", "captured"] == 2
    assert said["tiktok_captures", "video_list", "failed"] == 1
    assert said["tiktok_requests_total", "/v2/video/list/", "200"] == 2
    assert said["tiktok_requests_total", "/v2/video/list/", "deadline"] == 1
    assert said["tiktok_token_refreshes_total", "200"] == 1
    assert said["tiktok_quota_used", "/v2/video/list/"] == 1
    assert said["tiktok_quota_remaining", "/v2/video/list/"] == 599
    assert said["tiktok_queue_length", "captures"] == 0
    assert said["tiktok_queue_length", "events to redis"] == 3
    assert said["tiktok_dead_letters", "captures"] == 1
    assert said["tiktok_dead_letters", "events to redis"] == 0
    assert (said["tiktok_grants_ending", "1"], said["tiktok_grants_ending", "7"]) == (0, 1)
    assert not any(name[0] == "tiktok_completeness_ratio" for name in said), "yesterday nothing was planned"
    rows(warehouse, "select ops.ensure_partitions(%s::date - 1, %s::date)", today, today)
    watched.clock.set(f"{today}T23:59:00")
    Ledger.today(ledger(warehouse))
    rows(
        warehouse,
        """
        create or replace function ops.now() returns timestamptz language sql volatile parallel safe
        as 'select clock_timestamp() + interval ''1 day'''
        """,
    )
    assert read(watched)["tiktok_completeness_ratio", "video_list"] == pytest.approx(2 / 3)


def test_requests_are_counted_by_route_and_never_by_path(watched: Portal) -> None:
    before = read(watched)
    watched.get("/connect/canary-secret")
    watched.get("/no/such/canary")
    watched.get("/api/v1/stores/canary")
    after = read(watched)
    assert not any("canary" in part for name in after for part in name)

    def more(*name: str) -> float:
        return after[("portal_requests_total", *name)] - before.get(("portal_requests_total", *name), 0)

    assert more("GET", "no route", "404") == 1
    assert more("GET", "/api/v1/stores/{code}", "401") == 1
    assert more("GET", "/metrics", "200") == 1
    assert after["portal_request_seconds_count", "/metrics"] >= 1


def test_a_database_that_is_away_is_said_not_hidden(watched: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    away = Warehouse("postgresql://postgres@127.0.0.1:9/nowhere")
    object.__setattr__(watched.context, "warehouse", away)
    said = read(watched)
    assert said["tiktok_database_up",] == 0
    assert ("tiktok_accounts", "CONNECTED") not in said
    assert any(name[0] == "portal_requests_total" for name in said)


def test_a_capture_counts_what_it_sends(
    warehouse: Warehouse, portal_sandbox: SandboxProcess, tmp_path: Path
) -> None:
    pipeline = Pipeline(warehouse, portal_sandbox, tmp_path / "keys.json")
    pipeline.connect(2)
    counts = RequestCounts(warehouse)
    client = pipeline.client
    client.counts = client._transport._counts = counts
    pipeline.capture("user_info")
    client.close()
    [counted] = rows(warehouse, "select * from ops.tiktok_request")
    assert (counted["endpoint"], counted["status"], counted["requests"]) == ("/v2/user/info/", "200", 2)


def test_counts_wait_for_a_database_that_is_away(warehouse: Warehouse) -> None:
    counts = RequestCounts(Warehouse("postgresql://postgres@127.0.0.1:9/nowhere"))
    counts.note("/v2/user/info/", 200)
    counts.add_up()
    counts._warehouse = warehouse
    counts.note("/v2/user/info/", 200)
    counts.add_up()
    counts.add_up()
    assert rows(warehouse, "select requests from ops.tiktok_request") == [{"requests": 2}]
