"""What a process took: time, CPU of it and of all that it started, and the memory that they held at once."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass

import psutil

LOOK_EVERY_SECONDS = 0.05


@dataclass(frozen=True)
class Took:
    """`memory`: the most bytes that its processes had resident at one look."""

    code: int
    seconds: float
    cpu_seconds: float
    memory: int


def measured(process: subprocess.Popen[bytes]) -> Took:
    """Wait for a process that was just started."""
    began = time.monotonic()
    over = threading.Event()
    most = [0]

    def watch() -> None:
        while not over.wait(LOOK_EVERY_SECONDS):
            most[0] = max(most[0], _resident(process.pid))

    watching = threading.Thread(target=watch)
    watching.start()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    over.set()
    watching.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    return Took(process.returncode, seconds, used.ru_utime + used.ru_stime, most[0])


def killed(process: subprocess.Popen[bytes]) -> None:
    """`kill -9` of it and of all that it started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _resident(pid: int) -> int:
    total = 0
    try:
        for one in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            total += one.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total
