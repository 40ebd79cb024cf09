"""`kill -9` of a demo: nothing keeps running, and the next one goes on in the same folder."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import requests

from tiktok_pipeline.runtime.database import libpq_url
from tiktok_pipeline.runtime.ports import free_port
from tiktok_pipeline.warehouse.embedded import EmbeddedServer, running_url
from tiktok_pipeline_tests.integration.cli.conftest import clean_environment, command

SMALL = ("--accounts", "3", "--videos", "5", "--days", "2")


def query(folder: Path, database: str, statement: str) -> list[Any]:
    """Rows from a database of the demo's embedded server; none while it or the table is not there."""
    url = running_url(folder / "postgres", database)
    if url is None:
        return []
    try:
        with psycopg.connect(libpq_url(url)) as connection:
            return [row[0] for row in connection.execute(statement.encode())]
    except psycopg.Error:
        return []


def wait_for(look: Callable[[], object], what: str, seconds: float = 150) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.1)


def start(folder: Path, port: int, portal_port: int) -> subprocess.Popen[bytes]:
    ports = ("--port", str(port), "--portal-port", str(portal_port))
    return subprocess.Popen(
        command("demo", *SMALL, "--data-dir", str(folder), *ports),
        cwd=folder.parent,
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill_and_see_everything_end(demo: subprocess.Popen[bytes], *expected: str) -> None:
    """`kill -9`; of all it had started only PostgreSQL, which the next one takes over, may be left."""
    commands = {}
    for process in psutil.Process(demo.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # a backend of PostgreSQL may just have ended
            commands[process] = " ".join(process.cmdline())
    for word in expected:
        assert any(word in line for line in commands.values()), (word, commands)
    psutil.Process(demo.pid).suspend()
    for process, line in commands.items():
        if "run_daily" in line and "guard" not in line:
            process.kill()  # before it can say that it was interrupted, as when the machine crashes
    demo.kill()
    demo.wait()
    others = [process for process, line in commands.items() if "postgres" not in line]
    _, left = psutil.wait_procs(others, timeout=15)
    assert [commands[process] for process in left if process.status() != psutil.STATUS_ZOMBIE] == []


@pytest.mark.slow
def test_a_killed_demo_leaves_nothing_running_and_the_next_one_goes_on(tmp_path: Path) -> None:
    folder, port, portal_port = tmp_path / "demo folder", free_port(), free_port()

    def statuses() -> list[Any]:
        return query(folder, "tiktok_dagster", "select status from runs order by id")

    demos = []
    try:
        demos.append(killed_while_working := start(folder, port, portal_port))
        wait_for(lambda: statuses() == ["STARTED"], "the daily job")
        kill_and_see_everything_end(killed_while_working, "run_daily", "tiktok_pipeline.sandbox")

        demos.append(goes_on := start(folder, port, portal_port))
        wait_for(lambda: answers(f"http://127.0.0.1:{port}/server_info"), "the Dagster UI")
        wait_for(lambda: answers(f"http://127.0.0.1:{portal_port}/ready"), "the portal")
        assert statuses() == ["FAILURE", "SUCCESS", "SUCCESS"]
        assert query(folder, "tiktok", "select count(*) from hub.store_accounts") == [3]
        assert query(folder, "tiktok", "select count(*) from snapshots.tiktok_user_daily") == [9]
        orphan = "select event from event_logs where event like '%orphaned%'"
        assert query(folder, "tiktok_dagster", orphan)
        owner = "select value from run_tags where key = 'tiktok_pipeline/owner'"
        assert query(folder, "tiktok_dagster", owner) == [f"{socket.gethostname()}:{folder}"] * 3
        kill_and_see_everything_end(goes_on, "dagster_webserver", "dagster._daemon", "api grpc", "cli portal")
    finally:
        for demo in demos:
            demo.kill()
            demo.wait()
        EmbeddedServer(folder / "postgres").stop()


def answers(address: str) -> bool:
    try:
        return requests.get(address, timeout=1).ok
    except requests.RequestException:
        return False
