"""How fast the API answers, beside a bare FastAPI route of the same uvicorn in the same run: python -m bench.api

Needs `wrk` (a Debian package). `kept` asks one question again and again, `tables` another one each time; each at full
load, then at 70 % of it. Bars: kept 60 % and tables 25 % of the bare route; at 70 % load 99 of 100 answers within
60 ms; memory does not grow.
"""

from __future__ import annotations

import argparse
import datetime as dt
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
import requests
from fastapi import FastAPI
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from bench.database import fresh_database
from tiktok_pipeline.history.rebuild import derived_tables
from tiktok_pipeline.portal.api.tokens import Tokens
from tiktok_pipeline.portal.context import open_portal
from tiktok_pipeline.portal.server import PortalThread
from tiktok_pipeline.runtime.portal_secret import portal_secret
from tiktok_pipeline.runtime.ports import free_port
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive

FIRST, LAST = dt.date(2026, 1, 1), dt.date(2026, 2, 28)
STORE = "bench_1"
PATH = f"/api/v1/stores/{STORE}/daily"
KEPT_QUERY = "?from=2026-01-01&to=2026-02-28&limit=30"
LOAD = 0.7
UNLIMITED = 1_000_000
CONNECTIONS = 16
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True)
class Run:
    """What wrk said: answers a second, 99 % within so many milliseconds, answers that were no 2xx."""

    a_second: float
    p99_ms: float
    bad: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk: not installed. On Debian: apt-get install wrk")
    with fresh_database() as url, tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse(url)
        _fill(warehouse)
        settings = _settings(Path(folder), free_port())
        token = Tokens(portal_secret(warehouse, settings), settings.portal_url).issue(
            "bench", ("read",), None
        )
        warehouse.close()
        bare_port = free_port()
        context = multiprocessing.get_context("spawn")
        portal = context.Process(
            target=_portal, args=(url, settings.data_dir, settings.portal_url), daemon=True
        )
        bare = context.Process(target=_bare, args=(bare_port,), daemon=True)
        for process in (portal, bare):
            process.start()
        example = _wait_for(f"{settings.portal_url}{PATH}{KEPT_QUERY}", token)
        _wait_for(f"http://127.0.0.1:{bare_port}/bare", token)
        rows = [
            _measured("bare", f"http://127.0.0.1:{bare_port}/bare", token, options.seconds, bare.pid),
            _measured("kept", f"{settings.portal_url}{PATH}{KEPT_QUERY}", token, options.seconds, portal.pid),
            _measured(
                "tables", f"{settings.portal_url}{PATH}", token, options.seconds, portal.pid, other=True
            ),
        ]
        for process in (portal, bare):
            process.kill()
            process.join()
    _print(rows, example)


def _measured(
    name: str, url: str, token: str, seconds: int, pid: int | None, *, other: bool = False
) -> tuple[str, Run, Run, float, float]:
    process = psutil.Process(pid)
    _wrk(url, token, 2, other=other)  # warm
    before = process.memory_info().rss
    full = _wrk(url, token, seconds, other=other)
    between = (
        1000 * CONNECTIONS / (full.a_second * LOAD)
    )  # milliseconds from request to request of a connection
    partly = _wrk(
        url, token, seconds, other=other, pause=max(1, round(between - 1000 * CONNECTIONS / full.a_second))
    )
    return name, full, partly, before / 1e6, process.memory_info().rss / 1e6


def _wrk(url: str, token: str, seconds: int, *, other: bool, pause: int = 0) -> Run:
    script = Path(__file__).with_suffix(".lua")
    answer = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(script), url],
        env={**os.environ, "OTHER": "1" if other else "0", "PAUSE": str(pause), "TOKEN": token},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    a_second = re.search(r"Requests/sec:\s+([0-9.]+)", answer)
    p99 = re.search(r"99%\s+([0-9.]+)(us|ms|s)", answer)
    bad = re.search(r"Non-2xx or 3xx responses: ([0-9]+)", answer)
    assert a_second
    assert p99
    return Run(float(a_second[1]), float(p99[1]) * UNITS[p99[2]], int(bad[1]) if bad else 0)


def _print(rows: list[tuple[str, Run, Run, float, float]], example: dict[str, Any]) -> None:
    table = Table(title=f"{len(example['data'])} days of a store, {CONNECTIONS} connections")
    for heading in ("what", "answers/s", "of bare", "p99, ms (load)", "not 2xx", "MB"):
        table.add_column(heading, justify="right", no_wrap=True)
    bare = rows[0][1].a_second
    for name, full, partly, before, after in rows:
        table.add_row(
            name,
            f"{full.a_second:,.0f}",
            f"{full.a_second / bare:.0%}",
            f"{partly.p99_ms:.1f} ({partly.a_second / full.a_second:.0%})",
            f"{full.bad + partly.bad}",
            f"{before:.0f} to {after:.0f}",
        )
    Console().print(table)


def _fill(warehouse: Warehouse) -> None:
    text = Path(__file__).with_name("one_more_day.sql").read_bytes()
    wanted = {"accounts": 50, "videos": 5, "first": FIRST, "last": LAST}
    with warehouse.transaction() as cursor, psycopg.ClientCursor(cursor.connection) as script:
        script.execute(text, wanted)
    for table in derived_tables(warehouse):
        if table.startswith("reporting."):
            derive(warehouse, table, FIRST, LAST)
    with warehouse.transaction() as cursor:
        cursor.execute("analyze")


def _settings(folder: Path, port: int) -> Settings:
    given: dict[str, Any] = {
        "data_dir": folder,
        "environment": "test",
        "portal_url": f"http://127.0.0.1:{port}",
        "tiktok_client_key": "bench",
        "tiktok_client_secret": SecretStr("bench"),
        "log_level": "WARNING",
    }
    if "api_requests_per_minute" in Settings.model_fields:  # the limit of one caller is not what is measured
        given["api_requests_per_minute"] = UNLIMITED
    return Settings.model_construct(**given)


def _portal(database_url: str, folder: Path, portal_url: str) -> None:
    port = int(portal_url.rpartition(":")[2])
    settings = _settings(folder, port)
    with open_portal(Warehouse(database_url), settings) as context, PortalThread(context, port=port):
        time.sleep(3600)


def _bare(port: int) -> None:
    """The same server with one route that does nothing, as FastAPI's first page has it."""
    import uvicorn

    app = FastAPI()

    @app.get("/bare")
    async def bare() -> dict[str, str]:
        return {"message": "Hello World"}

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


def _wait_for(url: str, token: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while True:
        try:
            answer = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=10)
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
            return found
        except requests.ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


if __name__ == "__main__":
    main()
