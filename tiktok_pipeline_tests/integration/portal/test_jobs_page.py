"""The operator's page of jobs: what became of them, another run, marked as resolved; and what failed."""

from __future__ import annotations

import uuid

import pytest

from tiktok_pipeline.on_demand import running
from tiktok_pipeline.on_demand.jobs import Asker, Job, Wanted, ask, find, jobs
from tiktok_pipeline_tests.building import add_account, capture_today, ledger, rows, user_body
from tiktok_pipeline_tests.integration.portal.conftest import Operator, Portal, running_portal
from tiktok_pipeline_tests.integration.portal.test_operator_overview import words


@pytest.fixture
def operator(portal: Portal) -> Operator:
    portal.forget_attempts()
    return portal.operator()


@pytest.fixture
def account(portal: Portal) -> int:
    store = portal.store()
    return add_account(portal.warehouse, f"-000{store}", store=store)


def asked(portal: Portal, account: int) -> Job:
    return ask(portal.warehouse, "UTC", Wanted("user_info", accounts=(account,)), Asker("crm"), 1000)


def ended(portal: Portal, job: Job, error: str | None) -> None:
    assert running.begin(portal.warehouse, job.id, "run-1")
    assert running.end(portal.warehouse, job.id, "run-1", error)


def test_jobs_are_listed_with_what_became_of_them(portal: Portal, operator: Operator, account: int) -> None:
    job = asked(portal, account)
    page = operator.get("/jobs")
    assert (f"account {account}" in words(page), "waiting" in words(page)) == (True, True)
    assert f"/jobs/{job.id}/again" not in page.text
    ended(portal, job, "<b>out of memory</b>")
    page = operator.get("/jobs")
    assert "&lt;b&gt;out of memory" in page.text
    detail = words(operator.get(f"/jobs/{job.id}"))
    assert ("failed" in detail, "asked for by crm" in detail.lower(), "user_info none" in detail) == (
        True,
    ) * 3
    assert operator.get(f"/jobs/{uuid.uuid4()}").status_code == 404
    assert operator.get("/jobs/nonsense").status_code == 400


def test_a_job_is_run_again_and_marked_as_resolved(portal: Portal, operator: Operator, account: int) -> None:
    job = asked(portal, account)
    assert operator.send(f"/jobs/{job.id}/again").status_code == 400
    assert operator.send(f"/jobs/{job.id}/resolve").status_code == 400
    ended(portal, job, "broken")
    assert operator.send(f"/jobs/{job.id}/resolve").status_code == 303
    resolved = find(portal.warehouse, job.id)
    assert resolved
    assert resolved.resolved_by == "operator"
    assert operator.send(f"/jobs/{job.id}/again").headers["Location"] == "/jobs?done=again"
    waiting = find(portal.warehouse, job.id)
    assert waiting
    assert (waiting.state, waiting.round, waiting.resolved_by) == ("waiting", 2, None)


def test_its_logs_are_where_dagster_is(portal: Portal, account: int) -> None:
    ended(portal, asked(portal, account), None)
    with running_portal(
        portal.warehouse, portal.sandbox, portal.settings.data_dir, dagster_url="https://dagster.example.com"
    ) as other:
        other.forget_attempts()
        assert 'href="https://dagster.example.com/runs/run-1"' in other.operator().get("/jobs").text
    portal.forget_attempts()
    assert "/runs/run-1" not in portal.operator().get("/jobs").text


def test_what_failed_is_tried_again_or_seen_to(portal: Portal, operator: Operator, account: int) -> None:
    day = capture_today(ledger(portal.warehouse, "user_info"), user_body())
    rows(
        portal.warehouse,
        "update capture.account_day set state = 'failed', reason = 'malformed', error_code = 'bad_json', final = true "
        "where account_id = %s and day = %s",
        account,
        day,
    )
    page = words(operator.get("/jobs"))
    assert "bad_json" in page
    assert "What nobody has seen to" in page
    assert operator.send("/failed/retry", cause="bad_json").headers["Location"] == "/jobs?done=retried"
    newest = jobs(portal.warehouse, limit=1)[0]
    assert (newest.account_ids, newest.release, newest.origin) == ((account,), True, "operator")
    assert operator.send("/failed/retry", cause="unknown").status_code == 400
    assert operator.send("/failed/seen", cause="bad_json").status_code == 303
    assert "What nobody has seen to" not in words(operator.get("/jobs"))
