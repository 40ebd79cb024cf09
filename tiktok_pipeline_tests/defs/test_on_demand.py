"""Captures on demand: asked for, taken up by one run, and only what was asked for is fetched."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dagster as dg
import pytest

from tiktok_pipeline.definitions import defs
from tiktok_pipeline.on_demand import running
from tiktok_pipeline.on_demand.jobs import (
    AskedOtherwise,
    Asker,
    Job,
    NothingToCapture,
    TooCostly,
    Wanted,
    again,
    ask,
    find,
    outcomes,
    resolve,
    stale_accounts,
)
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.capturing import Pipeline
from tiktok_pipeline_tests.defs.conftest import Runner

CRM = Asker("crm")
MOST = 1000


def asked(pipeline: Pipeline, wanted: Wanted, asker: Asker = CRM, most: int = MOST) -> Job:
    return ask(pipeline.warehouse, "UTC", wanted, asker, most)


def tick(runner: Runner) -> list[dg.RunRequest]:
    """What the sensor asks for."""
    sensor = defs().get_repository_def().get_sensor_def("sync_jobs")  # type: ignore[attr-defined, unused-ignore]
    context = dg.build_sensor_context(runner.instance, resources={"warehouse": runner.resources["warehouse"]})
    return list(sensor.evaluate_tick(context).run_requests or [])


def execute(runner: Runner, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
    """The run that the sensor asked for."""
    job = defs().resolve_job_def("on_demand")  # type: ignore[attr-defined, unused-ignore]
    return job.execute_in_process(
        instance=runner.instance,
        resources=runner.resources,
        run_config=request.run_config,
        tags=request.tags,
        raise_on_error=False,
    )


def sent(pipeline: Pipeline) -> int:
    """How many requests the sandbox was sent."""
    return int(pipeline.sandbox.requests()["total"])


def states(pipeline: Pipeline, job: Job) -> dict[tuple[int, str], str]:
    return {
        (row["account_id"], row["endpoint"]): row["state"] for row in outcomes(pipeline.warehouse, job.id)
    }


def test_one_account_is_captured_and_derived_and_nothing_else(pipeline: Pipeline, runner: Runner) -> None:
    one, *_ = pipeline.vault_accounts()
    job = asked(pipeline, Wanted(accounts=(one,)))
    assert (job.state, job.account_ids, job.cost) == ("waiting", (one,), 2)
    assert states(pipeline, job) == {(one, "user_info"): "none", (one, "video_list"): "none"}
    [request] = tick(runner)
    assert request.run_key == f"{job.id} 1"
    assert execute(runner, request).success
    over = find(pipeline.warehouse, job.id)
    assert over
    assert (over.state, over.attempts, over.error) == ("done", 1, None)
    assert states(pipeline, job) == {(one, "user_info"): "captured", (one, "video_list"): "captured"}
    [day] = rows(pipeline.warehouse, "select account_id, snapshot_date from reporting.account_daily")
    assert (day["account_id"], day["snapshot_date"]) == (one, job.day)
    assert rows(pipeline.warehouse, "select distinct account_id from capture.account_day") == [
        {"account_id": one}
    ]
    assert tick(runner) == []


def test_what_was_captured_today_is_not_captured_again_unless_it_is_too_old(
    pipeline: Pipeline, runner: Runner
) -> None:
    one, *_ = pipeline.vault_accounts()
    pipeline.capture("user_info")
    pipeline.capture("video_list")
    pipeline.sandbox.reset_requests()
    there = asked(pipeline, Wanted(accounts=(one,)))
    assert (there.state, there.cost, there.run_id) == ("done", 0, None)
    assert tick(runner) == []
    since = dt.datetime.now(dt.UTC)
    job = asked(pipeline, Wanted(module="user_info", accounts=(one,), since=since))
    [request] = tick(runner)
    assert execute(runner, request).success
    assert sent(pipeline) == 1
    [row] = outcomes(pipeline.warehouse, job.id)
    assert (row["state"], row["captured_at"] > since) == ("captured", True)
    [chosen] = rows(
        pipeline.warehouse,
        "select chosen_capture_no as no from capture.account_day where account_id = %s and endpoint = 'user_info'",
        one,
    )
    assert chosen["no"] == 2  # the fresh one is the day's snapshot now


def test_of_many_who_want_the_same_at_once_one_job_comes(pipeline: Pipeline, runner: Runner) -> None:
    one, *_ = pipeline.vault_accounts()
    everyone = threading.Barrier(16)

    def want(number: int) -> uuid.UUID:
        everyone.wait()
        wanted = Wanted(accounts=(one,)) if number % 2 else Wanted(module="video_list", store="store_000")
        if number == 0:
            wanted = Wanted(accounts=(one,))
        return asked(pipeline, wanted, Asker(f"service_{number}")).id

    asked(pipeline, Wanted(accounts=(one,)))
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(want, range(16)))) == 1
    assert len(tick(runner)) == 1


def test_under_one_key_a_job_is_asked_for_once(pipeline: Pipeline) -> None:
    one, two, _ = pipeline.vault_accounts()
    key = Asker("crm", idempotency_key="order-1")
    first = asked(pipeline, Wanted(accounts=(one,)), key)
    assert asked(pipeline, Wanted(accounts=(one,)), key).id == first.id
    assert asked(pipeline, Wanted(accounts=(one,)), Asker("erp", idempotency_key="order-1")).id != first.id
    with pytest.raises(AskedOtherwise, match=str(first.id)):
        asked(pipeline, Wanted(accounts=(two,)), key)


def test_a_service_may_cause_so_many_requests_in_an_hour(pipeline: Pipeline) -> None:
    one, two, three = pipeline.vault_accounts()
    asked(pipeline, Wanted(accounts=(one,)), most=5)
    asked(pipeline, Wanted(accounts=(two,)), most=5)
    with pytest.raises(TooCostly, match="2 requests to TikTok") as refused:
        asked(pipeline, Wanted(accounts=(three,)), most=5)
    assert 3500 < refused.value.seconds <= 3600
    assert asked(pipeline, Wanted(accounts=(three,)), Asker("erp"), most=5).state == "waiting"


def test_accounts_that_cannot_be_captured_are_refused(pipeline: Pipeline) -> None:
    one, *_ = pipeline.vault_accounts()
    rows(pipeline.warehouse, "update hub.store_accounts set status = 'NEED_RECONNECT' where id = %s", one)
    with pytest.raises(NothingToCapture):
        asked(pipeline, Wanted(accounts=(one,)))
    with pytest.raises(NothingToCapture):
        asked(pipeline, Wanted(store="no_such"))


def test_a_run_that_dies_ends_its_job_and_the_job_can_be_asked_for_again(
    pipeline: Pipeline, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATABASE_URL", "TIKTOK_CLIENT_KEY", "TIKTOK_CLIENT_SECRET"):
        monkeypatch.setenv(name, "not used")  # Dagster looks that they are there
    one, *_ = pipeline.vault_accounts()
    job = asked(pipeline, Wanted(accounts=(one,)))
    [request] = tick(runner)
    dead = runner.instance.create_run_for_job(
        defs().resolve_job_def("on_demand"),  # type: ignore[attr-defined, unused-ignore]
        run_config=request.run_config,
        tags=request.tags,
    )
    assert running.begin(pipeline.warehouse, job.id, dead.run_id)
    assert tick(runner) == []  # it is under way
    runner.instance.report_run_failed(dead)
    assert tick(runner) == []
    failed = find(pipeline.warehouse, job.id)
    assert failed
    assert (failed.state, failed.error) == ("failed", f"run {dead.run_id} broke off")
    resolved = resolve(pipeline.warehouse, job.id, "operator")
    assert resolved
    assert resolved.resolved_by == "operator"
    once_more = again(pipeline.warehouse, "UTC", job.id)
    assert once_more
    assert (once_more.state, once_more.round, once_more.resolved_at) == ("waiting", 2, None)
    assert again(pipeline.warehouse, "UTC", job.id) is None
    [request] = tick(runner)
    assert request.run_key == f"{job.id} 2"
    assert execute(runner, request).success
    done = find(pipeline.warehouse, job.id)
    assert done
    assert (done.state, done.attempts) == ("done", 2)


def test_a_job_of_yesterday_fetches_nothing(pipeline: Pipeline, runner: Runner) -> None:
    one, *_ = pipeline.vault_accounts()
    job = asked(pipeline, Wanted(accounts=(one,)))
    rows(pipeline.warehouse, "update ops.sync_job set day = day - 1")
    [request] = tick(runner)
    assert execute(runner, request).success
    failed = find(pipeline.warehouse, job.id)
    assert failed
    assert failed.state == "failed"
    assert "only today" in str(failed.error)
    assert sent(pipeline) == 0
    assert again(pipeline.warehouse, "UTC", job.id) is None


def test_one_accounts_trouble_is_in_the_ledger_and_release_tries_it_again(
    pipeline: Pipeline, runner: Runner
) -> None:
    one, two, _ = pipeline.vault_accounts()
    job = asked(pipeline, Wanted(module="user_info", accounts=(one, two)))
    rows(
        pipeline.warehouse,
        """
        insert into capture.account_day (account_id, endpoint, day, time_zone, state, reason, error_code, final, attempts)
        values (%s, 'user_info', %s, 'UTC', 'failed', 'malformed', 'bad', true, 5)
        """,
        one,
        job.day,
    )
    [request] = tick(runner)
    assert execute(runner, request).success
    assert states(pipeline, job) == {(one, "user_info"): "failed", (two, "user_info"): "captured"}
    assert (
        asked(pipeline, Wanted(module="user_info", accounts=(one,))).state == "done"
    )  # final: nothing to do
    retried = asked(pipeline, Wanted(module="user_info", accounts=(one,), release=True))
    [request] = tick(runner)
    assert execute(runner, request).success
    assert states(pipeline, retried) == {(one, "user_info"): "captured"}


def test_data_is_stale_when_it_is_old_and_a_capture_could_help(pipeline: Pipeline) -> None:
    one, *others = pipeline.vault_accounts()

    def stale(hours: int = 26, **which: Any) -> list[int]:
        return list(stale_accounts(pipeline.warehouse, "UTC", hours, **which))

    assert stale(account=one) == [one]
    assert stale(store="store_000") == [one]
    pipeline.capture("user_info")
    assert stale(account=one) == [one]  # its list is missing
    pipeline.capture("video_list")
    assert stale(account=one) == []
    rows(pipeline.warehouse, "update hub.store_accounts set status = 'DISABLED' where id = %s", others[0])
    rows(pipeline.warehouse, "delete from capture.account_day where account_id = any(%s)", others)
    assert stale(account=others[0]) == []
    assert stale(account=others[1]) == [others[1]]


def test_old_jobs_are_forgotten(pipeline: Pipeline, runner: Runner) -> None:
    from tiktok_pipeline.defs.maintenance.old_rows import forget_old_rows

    one, *_ = pipeline.vault_accounts()
    job = asked(pipeline, Wanted(accounts=(one,)))
    rows(
        pipeline.warehouse,
        "update ops.sync_job set state = 'done', finished_at = ops.now() - interval '181 days'",
    )
    assert forget_old_rows(pipeline.warehouse, 14)["sync_jobs"] == 1
    assert find(pipeline.warehouse, job.id) is None


def test_the_sensor_runs_from_the_start_and_looks_every_five_seconds() -> None:
    sensor = defs().get_repository_def().get_sensor_def("sync_jobs")  # type: ignore[attr-defined, unused-ignore]
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 5
