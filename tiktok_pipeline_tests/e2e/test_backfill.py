"""The whole house: command line, webserver, daemon, code server and sandbox; a backfill launched as the UI does it."""

from __future__ import annotations

import datetime as dt
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.embedded import running_url
from tiktok_pipeline_tests.building import rows

ASSETS = [
    ["capture", "user_info"],
    ["capture", "video_list"],
    ["snapshots", "tiktok_user_daily"],
    ["snapshots", "tiktok_video_daily"],
]
LAUNCH = """
mutation Launch($parameters: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $parameters) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
STATUS = """
query Status($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    __typename
    ... on PartitionBackfill { status numPartitions error { message } }
    ... on PythonError { message }
  }
  runsOrError(filter: {tags: [{key: "dagster/backfill", value: $id}]}) {
    ... on Runs { results { runId status } }
  }
}
"""
DATES = 40
MATERIALIZED = """
query Materialized {
  assetNodeOrError(assetKey: {path: ["capture", "video_list"]}) {
    ... on AssetNode { assetPartitionStatuses { ... on TimePartitionStatuses { ranges { status startKey endKey } } } }
  }
}
"""


class House:
    """`tiktok-pipeline serve` with a sandbox, in a data folder of its own, on the embedded PostgreSQL."""

    def __init__(self, folder: Path, sandbox: SandboxProcess) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.port = _free_port()
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
            "DATA_DIR": str(folder),
            "TIKTOK_API_BASE_URL": sandbox.base_url,
            "TIKTOK_CLIENT_KEY": sandbox.client_key,
            "TIKTOK_CLIENT_SECRET": sandbox.client_secret,
            "TIKTOK_REDIRECT_URI": "http://localhost:8000/auth/callback",
            "START_DATE": (dt.datetime.now(dt.UTC).date() - dt.timedelta(days=400)).isoformat(),
        }
        self.serving: subprocess.Popen[bytes] | None = None

    def command(self, *words: str) -> str:
        """Run a command to its end; what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "tiktok_pipeline.cli", *words],
            env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def serve(self) -> None:
        """Start the UI and wait until it answers."""
        self.serving = subprocess.Popen(
            [sys.executable, "-m", "tiktok_pipeline.cli", "serve", "--port", str(self.port)],
            env=self.environment, cwd=self.folder, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        _until(lambda: _answers(f"http://127.0.0.1:{self.port}/server_info"), 90, "the webserver answers")
        _until(lambda: self.ask(MATERIALIZED)["assetNodeOrError"], 60, "the definitions are loaded")

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """What GraphQL answers."""
        answer = requests.post(
            f"http://127.0.0.1:{self.port}/graphql", json={"query": query, "variables": variables}, timeout=60
        ).json()
        assert "errors" not in answer, answer
        return answer["data"]  # type: ignore[no-any-return]

    def database_url(self, database: str = "tiktok") -> str:
        """Address of a database of the embedded PostgreSQL that serves."""
        url = running_url(self.folder / "postgres", database)
        assert url
        return url

    def stop(self) -> int:
        """Stop as Ctrl-C does; the exit code."""
        assert self.serving
        self.serving.send_signal(signal.SIGINT)
        return self.serving.wait(60)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with SandboxProcess(accounts=3, videos=30, even=True, counter_step_seconds=86_400) as sandbox:
        house = House(tmp_path_factory.mktemp("house"), sandbox)
        for index in range(3):
            house.command("store", "add", f"store_{index}", f"Store {index}", "--pic", "Ayu")
            house.command("account", "add", f"store_{index}", "--auth-code", sandbox.authorize(index))
        sandbox.reset_requests()  # the sensor may begin with today before a test does
        house.serve()
        children = psutil.Process(house.serving.pid).children(recursive=True) if house.serving else []
        try:
            yield house
        finally:
            house.stop()
            _, alive = psutil.wait_procs(children, timeout=20)
            assert not alive, f"left running: {alive}"


def test_a_range_launched_from_the_ui_is_one_run_and_holds_what_tiktok_served(house: House) -> None:
    warehouse = Warehouse(house.database_url())
    today: dt.date = rows(warehouse, "select ops.day_of(ops.now(), 'UTC') as day")[0]["day"]
    dates = [str(today - dt.timedelta(days=n)) for n in range(DATES)]
    launched = house.ask(
        LAUNCH, parameters={"assetSelection": [{"path": path} for path in ASSETS], "partitionNames": dates}
    )["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    backfill = launched["backfillId"]
    _until(lambda: _finished(house, backfill), 300, "the backfill is over")
    status = house.ask(STATUS, id=backfill)
    assert status["partitionBackfillOrError"]["status"] == "COMPLETED_SUCCESS", status
    assert [run["status"] for run in status["runsOrError"]["results"]] == [
        "SUCCESS"
    ]  # all dates, all assets: one run

    sent = [request["endpoint"] for request in house.sandbox.requests(log=True)["log"]]
    assert sorted(sent) == ["user/info"] * 3 + ["video/list"] * 6  # today alone
    for account in house.sandbox.accounts():
        truth = house.sandbox.history(account["open_id"], at=house.sandbox.now())["videos"]
        found = rows(
            warehouse,
            "select video_id, view_count, description from snapshots.tiktok_video_daily where open_id = %s",
            account["open_id"],
        )
        assert {(row["video_id"], row["view_count"], row["description"]) for row in found} == {
            (video["id"], video["view_count"], video["video_description"]) for video in truth
        }
    gaps = rows(
        warehouse, "select count(*) from capture.account_day where state = 'gap' and reason is not null"
    )
    assert gaps == [{"count": 2 * 3 * (DATES - 1)}]
    ranges = house.ask(MATERIALIZED)["assetNodeOrError"]["assetPartitionStatuses"]["ranges"]
    assert [(span["status"], span["endKey"]) for span in ranges] == [("MATERIALIZED", str(today))]
    warehouse.close()


def test_no_token_and_no_secret_is_in_dagster_or_in_a_log(house: House) -> None:
    secret = house.sandbox.client_secret
    warehouse = Warehouse(house.database_url("tiktok_dagster"))
    for row in rows(
        warehouse,
        """
        select table_name as name from information_schema.tables
        where table_schema = 'public' and table_type = 'BASE TABLE'
        """,
    ):
        found = rows(
            warehouse,
            f'select count(*) as hits from "{row["name"]}" t where t::text like %s or t::text like %s or t::text like %s',
            f"%{secret}%",
            "%act.%",
            "%rft.%",
        )
        assert found == [{"hits": 0}], row["name"]
    warehouse.close()
    for log in (house.folder / "logs").glob("*.log"):
        text = log.read_text(errors="replace")
        assert secret not in text, log
        assert "act." not in text, log


def _finished(house: House, backfill: str) -> bool:
    status: str = house.ask(STATUS, id=backfill)["partitionBackfillOrError"]["status"]
    return status not in {"REQUESTED", "CANCELING", "FAILING"}


def _until(condition: Any, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.3)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
