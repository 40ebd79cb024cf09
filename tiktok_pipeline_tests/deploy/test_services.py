"""The services of docker/compose.yaml, started as it says but without containers: they become healthy and do a day."""

from __future__ import annotations

import pytest
import requests

from tiktok_pipeline_tests.deploy.conftest import Install
from tiktok_pipeline_tests.deploy.services import until

ACCOUNTS = 3


def test_the_services_do_a_day_and_end_in_order(install: Install) -> None:
    here = install("compose.yaml", accounts=ACCOUNTS, videos=30)
    assert "applied" in here.host.run("migrate").stdout
    here.connect(ACCOUNTS)
    code = here.host.start("code-server")
    here.host.until_healthy(code)
    others = [here.host.start(name) for name in ("daemon", "webserver", "portal")]
    here.host.until_healthy(*others)

    run = here.host.launch_daily(str(here.today()))
    until(lambda: _status(here.host.daily_runs(), run) not in UNDER_WAY, 240, "the run has ended", 1.0)

    assert _status(here.host.daily_runs(), run) == "SUCCESS", code.said()
    assert here.count("capture.account_day where state = 'captured'") == 2 * ACCOUNTS
    assert here.count("snapshots.tiktok_video_daily") == 30 * ACCOUNTS
    portal = f"http://127.0.0.1:{here.host.ports[8000]}"
    assert requests.get(f"{portal}/ready", timeout=10).text.strip() == "ready"
    assert [service.stop() for service in (*reversed(others), code)] == [0, 0, 0, 0]
    for service in (*others, code):
        assert here.sandbox.client_secret not in service.said()


@pytest.mark.scale
@pytest.mark.timeout(1200)
def test_a_run_that_died_with_its_code_server_is_retried_by_the_next_one(install: Install) -> None:
    here = install("compose.yaml", accounts=ACCOUNTS, videos=30)
    here.host.run("migrate")
    code = here.host.start("code-server")
    here.host.until_healthy(code)
    here.host.until_healthy(here.host.start("daemon"), here.host.start("webserver"))
    here.connect(ACCOUNTS)
    here.sandbox.set_faults(slow={"delay_ms": 3000})
    run = here.host.first_daily_run()
    until(lambda: here.count("capture.account_day where state = 'capturing'") > 0, 120, "the run captures")

    code.kill()
    here.sandbox.clear_faults()
    here.host.until_healthy(here.host.start("code-server"))

    until(lambda: _retry_of(here.host.daily_runs(), run) == "SUCCESS", 400, "the run was retried", 1.0)
    assert _status(here.host.daily_runs(), run) == "FAILURE"
    assert here.count("capture.account_day where state = 'captured'") == 2 * ACCOUNTS


UNDER_WAY = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED")


def _status(runs: list[dict[str, str]], run_id: str) -> str:
    return next(run["status"] for run in runs if run["runId"] == run_id)


def _retry_of(runs: list[dict[str, str]], run_id: str) -> str | None:
    return next((run["status"] for run in runs if run["parentRunId"] == run_id), None)
