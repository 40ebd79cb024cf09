"""Processes that use up the quota, and what a sandbox then says of the requests that arrived."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.tiktok.oauth import TokenGrant
from tiktok_pipeline.tiktok.quota import JITTER_SHARE


def fullest_window(instants: list[float], window: float) -> int:
    return max(bisect_left(instants, start + window) - i for i, start in enumerate(instants))


def worker(**task: Any) -> subprocess.Popen[str]:
    """A process that asks as fast as it may, as soon as it is told to `go`."""
    module = "tiktok_pipeline_tests.integration.tiktok.quota_worker"
    command = [sys.executable, "-m", module, json.dumps(task)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


@contextmanager
def workers(number: int, **task: Any) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that ask as fast as they may; they begin together."""
    processes = [worker(**task) for _ in range(number)]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            go(process)
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def arrivals(sandbox: SandboxProcess) -> list[float]:
    return [dt.datetime.fromisoformat(one["time"]).timestamp() for one in sandbox.requests(log=True)["log"]]


def task_for(sandbox: SandboxProcess, database_url: str, grant: TokenGrant, **more: Any) -> dict[str, Any]:
    return {
        "database_url": database_url,
        "base_url": sandbox.base_url,
        "client_key": sandbox.client_key,
        "token": grant.access_token.reveal(),
        **more,
    }


def mean_window(came: list[float], window: float, *, after: float = 0.5) -> float:
    """Arrivals in a window, the mean over all that begin within one whole period, so long after the first arrival."""
    period = window * (1 + JITTER_SHARE)
    begins = [came[0] + after + period * step / 500 for step in range(500)]
    return sum(bisect_left(came, begin + window) - bisect_left(came, begin) for begin in begins) / 500
