"""Runs on workers, as docker/compose.scale.yaml has them: two machines, a real RabbitMQ, and one that dies.

RABBITMQ_URL names the RabbitMQ. Each worker is a tree of processes with a data folder of its own.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tiktok_pipeline_tests.deploy.conftest import Install, Installation
from tiktok_pipeline_tests.deploy.services import Service, until
from tiktok_pipeline_tests.deploy.test_services import UNDER_WAY

pytestmark = [pytest.mark.scale, pytest.mark.timeout(1800)]

ACCOUNTS = 40
PAGES = 3  # of each account's 45 videos
LIMIT = 90  # requests a minute: 120 pages take more than one of them
IN_FLIGHT = 8  # a run's threads


@pytest.fixture
def broker() -> str:
    if "RABBITMQ_URL" not in os.environ:
        pytest.skip("RABBITMQ_URL names no RabbitMQ")
    return os.environ["RABBITMQ_URL"]


@pytest.fixture
def fleet(install: Install, broker: str) -> tuple[Installation, list[Service]]:
    """Code server, daemon, webserver and two workers, healthy; the accounts are connected."""
    files = ("compose.yaml", "compose.scale.yaml")
    here = install(*files, secrets={"celery_broker_url": broker}, limit=LIMIT, accounts=ACCOUNTS, videos=45)
    here.host.run("migrate")
    here.host.until_healthy(here.host.start("code-server"))
    workers = [here.host.start("worker", number) for number in (1, 2)]
    here.host.until_healthy(here.host.start("daemon"), here.host.start("webserver"), *workers)
    here.connect(ACCOUNTS)
    return here, workers


def test_a_worker_is_killed_in_the_middle_and_another_one_finishes_its_day(
    fleet: tuple[Installation, list[Service]], record_property: Callable[[str, object], None]
) -> None:
    here, workers = fleet
    run = here.host.first_daily_run()
    until(
        lambda: here.count("capture.page where endpoint = 'video_list'") >= PAGES * ACCOUNTS // 3,
        300,
        "pages land",
    )
    pages_before = here.count("capture.page")
    victim, other = sorted(workers, key=lambda worker: not _has(here, worker))
    assert _has(here, victim)
    assert not _has(here, other)

    victim.kill()
    killed = time.monotonic()
    until(lambda: _states(here)[run] == "FAILURE", 180, "the run is seen to be dead", 0.5)
    noticed = time.monotonic() - killed
    until(
        lambda: _retry_of(here, run) not in (None, *UNDER_WAY),
        600,
        "it was launched again and has ended",
        0.5,
    )
    done = time.monotonic() - killed

    assert _retry_of(here, run) == "SUCCESS", other.said()
    _nothing_lost_or_doubled(here)
    asked = Counter(line["endpoint"] for line in here.sandbox.requests(log=True)["log"])
    again = asked["video/list"] + asked["user/info"] - ACCOUNTS * (PAGES + 1)
    assert 0 <= again <= IN_FLIGHT
    fullest = {name: seen["max_in_window"] for name, seen in here.sandbox.requests()["endpoints"].items()}
    assert fullest["video/list"] <= LIMIT
    assert fullest["user/info"] <= LIMIT
    figures = {
        "pages landed at the kill": f"{pages_before} of {ACCOUNTS * (PAGES + 1)}",
        "seconds until the run is seen to be dead": round(noticed),
        "seconds until the day is done": round(done),
        "requests sent twice": again,
        "most requests within a minute": f"{max(fullest.values())} of {LIMIT}",
    }
    for name, figure in figures.items():
        record_property(name, figure)


def test_a_worker_that_is_asked_to_stop_finishes_its_run_and_takes_no_other(
    fleet: tuple[Installation, list[Service]],
) -> None:
    here, workers = fleet
    run = here.host.first_daily_run()
    until(lambda: here.count("capture.page") > 0, 300, "pages land")
    [holder] = [worker for worker in workers if _has(here, worker)]

    assert holder.stop(seconds=600) == 0

    assert _states(here)[run] == "SUCCESS"
    assert _retry_of(here, run) is None
    _nothing_lost_or_doubled(here)


def _has(here: Installation, worker: Service) -> bool:
    """Whether one of the worker's processes holds the lock of a run."""
    name = worker.environment["PGAPPNAME"]
    found = here.rows(
        """
        select 1 as held
        from pg_locks
        join pg_stat_activity using (pid)
        where locktype = 'advisory' and classid = 7011011 and application_name = %s
        """,
        name,
    )
    return bool(found)


def _states(here: Installation) -> dict[str, str]:
    return {run["runId"]: run["status"] for run in here.host.daily_runs()}


def _retry_of(here: Installation, run_id: str) -> str | None:
    return next((run["status"] for run in here.host.daily_runs() if run["parentRunId"] == run_id), None)


def _nothing_lost_or_doubled(here: Installation) -> None:
    assert here.count("capture.account_day") == 2 * ACCOUNTS
    assert here.count("capture.account_day where state = 'captured'") == 2 * ACCOUNTS
    assert here.count("capture.page") == ACCOUNTS * (PAGES + 1)
    served = {
        (video["id"], video["view_count"])
        for account in here.sandbox.accounts()
        for video in here.sandbox.history(account["open_id"], at=here.sandbox.now())["videos"]
    }
    held = here.rows("select video_id, view_count from snapshots.tiktok_video_daily")
    assert len(held) == len(served)
    assert {(row["video_id"], row["view_count"]) for row in held} == served
