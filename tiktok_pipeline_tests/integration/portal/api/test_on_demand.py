"""Captures on demand over the API: asked for or caused by reading old data, followed, repeated, marked as resolved."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tiktok_pipeline.on_demand import running
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.portal.api.conftest import MINE, OTHER, Api
from tiktok_pipeline_tests.integration.portal.api.test_cache import further_portal

SYNC = "/admin/sync"


@pytest.fixture(autouse=True)
def _no_jobs(api: Api) -> Iterator[None]:
    yield
    rows(api.portal.warehouse, "delete from ops.sync_job")
    rows(api.portal.warehouse, "delete from ops.resolved_failure")


@pytest.fixture
def never_captured(api: Api) -> Iterator[None]:
    """Nothing of the other store's account is there."""
    tables = ("capture.account_day", "reporting.account_daily")
    saved = {
        table: rows(
            api.portal.warehouse,
            f"select to_jsonb(t) as row from {table} as t where account_id = %s",
            api.others,
        )
        for table in tables
    }
    for table in tables:
        rows(api.portal.warehouse, f"delete from {table} where account_id = %s", api.others)
    api.changed()
    yield
    for table, kept in saved.items():
        for one in kept:
            rows(
                api.portal.warehouse,
                f"insert into {table} select * from jsonb_populate_record(null::{table}, %s::jsonb)",
                json.dumps(one["row"]),
            )
    api.changed()


def took_up(api: Api, job: dict[str, Any], error: str | None = None) -> None:
    """What a run does to a job."""
    job_id = uuid.UUID(job["id"])
    assert running.begin(api.portal.warehouse, job_id, "run-1")
    assert running.end(api.portal.warehouse, job_id, "run-1", error)


@pytest.mark.usefixtures("never_captured")
def test_a_capture_is_asked_for_followed_and_over(api: Api) -> None:
    with further_portal(api, dagster_url="https://dagster.example.com/") as (other, _):
        asked = other.post(SYNC, "syncer", {"module": "user_info", "account_id": api.others})
        assert asked.status_code == 202, asked.text
        job = asked.json()
        assert asked.headers["Location"] == f"/api/v1/admin/sync/{job['id']}"
        assert (job["state"], job["account_ids"], job["asked_by"]) == ("waiting", [api.others], "syncer")
        assert job["request_id"] == asked.headers["X-Request-ID"]
        assert [(one["endpoint"], one["state"]) for one in job["accounts"]] == [("user_info", "none")]
        assert running.begin(api.portal.warehouse, uuid.UUID(job["id"]), "run-1")
        under_way = other.get(f"{SYNC}/{job['id']}", "syncer").json()
        assert (under_way["state"], under_way["attempts"]) == ("running", 1)
        assert under_way["run_url"] == "https://dagster.example.com/runs/run-1"
        assert running.end(api.portal.warehouse, uuid.UUID(job["id"]), "run-1")
        assert other.get(f"{SYNC}/{job['id']}", "syncer").json()["state"] == "done"


@pytest.mark.usefixtures("never_captured")
def test_who_waits_gets_the_result_and_who_waits_in_vain_gets_202(api: Api) -> None:
    began = time.monotonic()
    vain = api.post(SYNC, "syncer", {"account_id": api.others, "wait": 1})
    assert (vain.status_code, time.monotonic() - began >= 1) == (202, True)

    def take_up() -> None:
        time.sleep(0.5)
        took_up(api, vain.json())

    threading.Thread(target=take_up).start()
    result = api.post(SYNC, "syncer", {"account_id": api.others, "wait": 20})
    assert (result.status_code, result.json()["id"], result.json()["state"]) == (
        200,
        vain.json()["id"],
        "done",
    )


@pytest.mark.usefixtures("never_captured")
def test_progress_is_streamed_until_the_job_is_over(api: Api) -> None:
    job = api.post(SYNC, "syncer", {"account_id": api.others}).json()
    url = f"{api.portal.url}/api/v1{SYNC}/{job['id']}/events"
    with requests.get(url, headers=api.authorization("syncer"), stream=True, timeout=30) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        lines = stream.iter_lines(decode_unicode=True)
        assert _next_state(lines) == "waiting"
        assert running.begin(api.portal.warehouse, uuid.UUID(job["id"]), "run-1")
        assert _next_state(lines) == "running"
        assert running.end(api.portal.warehouse, uuid.UUID(job["id"]), "run-1")
        assert _next_state(lines) == "done"
        assert [line for line in lines if line] == []


def _next_state(lines: Iterator[str]) -> str:
    for line in lines:
        if line.startswith("data: "):
            return str(json.loads(line[6:])["state"])
    raise AssertionError("the stream has ended")


@pytest.mark.usefixtures("never_captured")
def test_a_stream_ends_when_the_portal_is_told_to_stop(api: Api) -> None:
    job = api.post(SYNC, "syncer", {"account_id": api.others}).json()
    with further_portal(api) as (other, _):
        url = f"{other.portal.url}/api/v1{SYNC}/{job['id']}/events"
        stream = requests.get(url, headers=other.authorization("syncer"), stream=True, timeout=30)
        assert _next_state(stream.iter_lines(decode_unicode=True)) == "waiting"
        began = time.monotonic()
    assert time.monotonic() - began < 10
    stream.close()


@pytest.mark.usefixtures("never_captured")
def test_what_is_not_there_yet_is_captured_by_reading_it(api: Api) -> None:
    path = f"/accounts/{api.others}"
    assert api.get(path, "reader").status_code == 200  # the scope read alone spends nothing
    assert rows(api.portal.warehouse, "select * from ops.sync_job") == []
    answer = api.get(path, "administrator")
    assert (answer.status_code, answer.headers["X-Sync-Triggered"]) == (202, "true")
    job = answer.json()
    assert answer.headers["Location"] == f"/api/v1/admin/sync/{job['id']}"
    assert job["account_ids"] == [api.others]
    again = api.get(f"{path}/videos", "administrator")
    assert again.json()["id"] == job["id"]
    assert len(rows(api.portal.warehouse, "select * from ops.sync_job")) == 1


def test_old_data_is_given_and_captured_anew_and_fresh_data_is_not(api: Api) -> None:
    path = f"/accounts/{api.own}"
    assert "X-Sync-Triggered" not in api.get(path, "administrator").headers
    api.portal.clock.set(dt.datetime.now(dt.UTC) + dt.timedelta(days=2))
    try:
        with further_portal(api) as (other, _):
            answer = other.get(path, "administrator")
            assert (answer.status_code, answer.headers["X-Sync-Triggered"]) == (200, "true")
            assert answer.json()["data"]["id"] == api.own
            [job] = rows(api.portal.warehouse, "select * from ops.sync_job")
            assert (job["origin"], job["account_ids"]) == ("read", [api.own])
            assert "X-Sync-Triggered" not in other.get(path, "reader").headers
        with further_portal(api, sync_requests_per_hour=2) as (limited, _):
            store = limited.get(
                f"/stores/{OTHER}", "administrator"
            )  # what it would cost is more than is left
            assert (store.status_code, "X-Sync-Triggered" in store.headers) == (200, False)
            refused = limited.post(SYNC, "administrator", {"store_code": OTHER})
            assert (refused.status_code, int(refused.headers["Retry-After"]) > 3000) == (429, True)
    finally:
        api.portal.clock.set(dt.datetime.now(dt.UTC))


@pytest.mark.usefixtures("never_captured")
def test_a_key_names_one_job(api: Api) -> None:
    body = {"account_id": api.others}
    key = {"Idempotency-Key": "order-4711"}
    first, second = (api.post(SYNC, "syncer", body, **key) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    took_up(api, first.json())
    third = api.post(SYNC, "syncer", body, **key)
    assert (third.status_code, third.json()["id"]) == (200, first.json()["id"])
    other = api.post(SYNC, "syncer", {"account_id": api.own}, **key)
    assert other.status_code == 422
    assert "idempotency key" in other.json()["detail"]


@pytest.mark.usefixtures("never_captured")
def test_a_job_that_failed_is_run_again_or_marked_as_resolved(api: Api) -> None:
    job = api.post(SYNC, "syncer", {"account_id": api.others}).json()
    path = f"{SYNC}/{job['id']}"
    assert api.post(f"{path}/resolve", "syncer").status_code == 409
    assert api.post(f"{path}/again", "syncer").status_code == 409
    took_up(api, job, "out of memory")
    assert [one["error"] for one in api.data(f"{SYNC}?state=failed", "syncer")] == ["out of memory"]
    resolved = api.post(f"{path}/resolve", "syncer").json()
    assert (resolved["state"], resolved["resolved_by"]) == ("failed", "syncer")
    assert api.data(f"{SYNC}?unresolved=true", "syncer") == []
    again = api.post(f"{path}/again", "syncer")
    assert (again.status_code, again.json()["state"], again.json()["resolved_at"]) == (202, "waiting", None)


@pytest.mark.usefixtures("never_captured")
def test_a_caller_sees_its_own_jobs_and_an_administrator_all(api: Api) -> None:
    job = api.post(SYNC, "syncer", {"account_id": api.others}).json()
    assert api.get(f"{SYNC}/{job['id']}", "administrator").status_code == 200
    assert [one["id"] for one in api.data(SYNC, "administrator")] == [job["id"]]
    for path in ("", "/events"):
        assert api.get(f"{SYNC}/{job['id']}{path}", "scoped_syncer").status_code == 404
    for path in ("again", "resolve"):
        assert api.post(f"{SYNC}/{job['id']}/{path}", "scoped_syncer").status_code == 404
    assert api.data(SYNC, "scoped_syncer") == []
    hidden = api.post(SYNC, "scoped_syncer", {"account_id": api.others})
    missing = api.post(SYNC, "scoped_syncer", {"account_id": 987654321})
    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert api.post(SYNC, "scoped_syncer", {"store_code": OTHER}).status_code == 404
    assert api.post(SYNC, "scoped_syncer", {"store_code": MINE}).status_code == 200  # captured already
    assert api.post(SYNC, "reader", {"store_code": MINE}).status_code == 403
    assert api.post(SYNC, None, {"store_code": MINE}).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"store_code": MINE, "account_id": 1},
        {"store_code": "No Store"},
        {"store_code": MINE, "module": "everything"},
        {"store_code": MINE, "since": "2026-01-01T00:00:00"},
        {"store_code": MINE, "wait": 31},
        {"store_code": MINE, "more": 1},
    ],
)
def test_what_cannot_be_asked_for_is_refused(api: Api, body: dict[str, Any]) -> None:
    assert api.post(SYNC, "syncer", body).status_code == 422


def test_jobs_come_in_pages_each_once(api: Api) -> None:
    for _ in range(3):
        api.post(SYNC, "syncer", {"account_id": api.own}, **{"Idempotency-Key": uuid.uuid4().hex})
    whole = [job["id"] for job in api.data(SYNC, "syncer")]
    seen, cursor = [], ""
    for _ in whole:
        answer = api.get(f"{SYNC}?limit=1{cursor}", "syncer").json()
        seen += [job["id"] for job in answer["data"]]
        cursor = f"&cursor={answer['next']}"
    assert (seen, len(set(seen)), answer["next"]) == (whole, 3, None)


@pytest.fixture
def failed(api: Api) -> Iterator[None]:
    """The list of the other store's account failed for good."""
    where = "account_id = %s and endpoint = 'video_list'"
    failure = "state = 'failed', reason = 'malformed', error_code = 'bad', final = true"
    rows(api.portal.warehouse, f"update capture.account_day set {failure} where {where}", api.others)
    yield
    well = "state = 'captured', reason = null, error_code = null, final = false"
    rows(api.portal.warehouse, f"update capture.account_day set {well} where {where}", api.others)


@pytest.mark.usefixtures("failed")
def test_what_failed_is_listed_tried_again_and_marked_as_resolved(api: Api) -> None:
    [one] = api.data("/admin/failed", "administrator")
    assert (one["account_id"], one["endpoint"], one["reason"]) == (api.others, "video_list", "malformed")
    assert (one["final"], one["hindrance"]) == (True, None)
    assert api.data("/admin/failed?cause=provider_down", "administrator") == []
    retried = api.post("/admin/failed/retry", "administrator", {"cause": "malformed"})
    assert (retried.status_code, retried.json()["account_ids"]) == (202, [api.others])
    assert retried.json()["module"] == "video_list"
    assert api.post("/admin/failed/retry", "administrator", {"cause": "none"}).status_code == 409
    marked = api.post("/admin/failed/resolve", "administrator", {"account_id": api.others})
    assert marked.json() == {"account_days": 1}
    assert api.data("/admin/failed", "administrator") == []
    [seen] = api.data("/admin/failed?resolved=true", "administrator")
    assert seen["resolved_by"] == "administrator"
    assert rows(
        api.portal.warehouse, "select count(*) as n from capture.account_day where state = 'failed'"
    ) == [{"n": 1}]
    rows(
        api.portal.warehouse,
        "update capture.account_day set attempts = attempts + 1 where state = 'failed'",
    )
    assert len(api.data("/admin/failed", "administrator")) == 1  # it failed once more


def test_a_store_is_added_once(api: Api) -> None:
    body = {
        "store_code": "new_store",
        "store_name": "New",
        "pic_name": "Ayu",
        "pic_contact": "ayu@example.com",
    }
    try:
        added = api.post("/admin/stores", "administrator", body)
        assert (added.status_code, added.headers["Location"]) == (201, "/api/v1/stores/new_store")
        assert "ayu@example.com" not in added.text
        assert api.post("/admin/stores", "administrator", body).status_code == 409
        assert (
            api.post(
                "/admin/stores", "administrator", {**body, "store_code": "x", "pic_name": " "}
            ).status_code
            == 422
        )
        assert api.post("/admin/stores", "syncer", {**body, "store_code": "y"}).status_code == 403
    finally:
        rows(api.portal.warehouse, "delete from hub.stores where store_code = 'new_store'")


@pytest.mark.usefixtures("failed")
def test_the_dashboard_is_one_answer_and_a_stream(api: Api) -> None:
    said = api.get("/admin/dashboard", "administrator").json()
    assert (said["stores"], said["accounts"]["CONNECTED"], said["day"]) == (2, 2, str(api.day))
    assert {one["endpoint"]: (one["captured"], one["failed"]) for one in said["captures_today"]} == {
        "user_info": (2, 0),
        "video_list": (1, 1),
    }
    assert [one["error_code"] for one in said["failures"]] == ["bad"]
    assert said["jobs"] == {"waiting": 0, "running": 0, "failed": 0}
    assert all(one["most_a_minute"] == 600 for one in said["quota"])
    url = f"{api.portal.url}/api/v1/admin/dashboard/events"
    with requests.get(url, headers=api.authorization("administrator"), stream=True, timeout=30) as stream:
        lines = stream.iter_lines(decode_unicode=True)
        first = next(json.loads(line[6:]) for line in lines if line.startswith("data: "))
        assert first["jobs"]["waiting"] == 0
        api.post("/admin/failed/retry", "administrator", {})
        changed = next(json.loads(line[6:]) for line in lines if line.startswith("data: "))
        assert changed["jobs"]["waiting"] == 1
    assert api.get("/admin/dashboard", "syncer").status_code == 403
