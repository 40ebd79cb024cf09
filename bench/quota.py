"""The quota's two candidates side by side, judged by a true sliding log. One command, one table.

    python -m bench.quota [--database-url URL] [--window 6] [--limit 300] [--processes 4] [--threads 4]

`slots` is ours (`tiktok_pipeline.tiktok.quota`), `pyrate` is pyrate-limiter's PostgreSQL bucket. Saturated:
several processes that want more than the limit, for four windows, counted by one listener in the order of
arrival. Lifted: one process, 8 threads, a limit that is never reached. Without --database-url an embedded
PostgreSQL is started.
"""

from __future__ import annotations

import argparse
import multiprocessing
import queue
import resource
import shutil
import socket
import statistics
import sys
import tempfile
import threading
import time
import uuid
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table
from sqlalchemy.engine import make_url

from tiktok_pipeline.tiktok.quota import Quota
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.embedded import EmbeddedServer
from tiktok_pipeline.warehouse.migrations import migrate

LIFTED = 1_000_000
LIFTED_SECONDS = 5.0
Acquire = Callable[[], object]


@dataclass(frozen=True)
class Load:
    candidate: str
    database_url: str
    limit: int
    window: float
    threads: int
    seconds: float


def slots(load: Load) -> Acquire:
    quota = Quota(Warehouse(load.database_url), "bench", load.limit, window_seconds=load.window)
    return lambda: quota.acquire("/bench/")


def pyrate(load: Load) -> Acquire:
    from pyrate_limiter import Limiter, Rate
    from pyrate_limiter.buckets.postgres import PostgresBucket

    rates = [Rate(load.limit, int(load.window * 1000))]
    limiter = Limiter(PostgresBucket(_Pool(load.database_url), "bench", rates))
    return lambda: limiter.try_acquire("bench")


class _Pool:
    """What pyrate-limiter needs of psycopg_pool: connections kept, committed when given back."""

    closed = False

    def __init__(self, url: str) -> None:
        self._url = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._idle: queue.LifoQueue[psycopg.Connection[Any]] = queue.LifoQueue()

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[Any]]:
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = psycopg.connect(self._url)
        with connection.transaction():
            yield connection
        self._idle.put(connection)


def work(load: Load, listener: int, ready: Any, result: Any) -> None:
    """One process: acquire, tell the listener, again."""
    acquire = {"slots": slots, "pyrate": pyrate}[load.candidate](load)
    counts = [0] * load.threads
    ready.wait()
    cpu = _cpu_seconds()
    ends = time.monotonic() + load.seconds

    def ask(number: int) -> None:
        with socket.create_connection(("127.0.0.1", listener)) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while time.monotonic() < ends:
                acquire()
                line.sendall(b"x")
                counts[number] += 1

    threads = [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(load.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))
    result.put((sum(counts), _cpu_seconds() - cpu))
    result.close()
    result.join_thread()


class Listener:
    """Notes when each request arrives."""

    def __init__(self) -> None:
        self.arrivals: list[float] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            line, _ = self._socket.accept()
            threading.Thread(target=self._listen, args=(line,), daemon=True).start()

    def _listen(self, line: socket.socket) -> None:
        while requests := line.recv(4096):
            self.arrivals += [time.monotonic()] * len(requests)


@dataclass(frozen=True)
class Measured:
    fullest: int
    share: float
    per_second: float
    cpu_ms: float


def measure(load: Load, processes: int) -> Measured:
    context = multiprocessing.get_context("spawn")
    listener, result = Listener(), context.Queue()
    ready = context.Barrier(processes)
    children = [
        context.Process(target=work, args=(load, listener.port, ready, result), daemon=True)
        for _ in range(processes)
    ]
    for child in children:
        child.start()
    results = [result.get(timeout=load.seconds + 60) for _ in children]
    for child in children:
        child.kill()
        child.join()
    came = sorted(listener.arrivals)
    in_window = [bisect_left(came, start + load.window) - i for i, start in enumerate(came)]
    # The mean over windows that begin in the second and third window: the first burst is not counted.
    begins = [came[0] + load.window * (1 + step / 500) for step in range(1000)]
    mean = statistics.mean(bisect_left(came, b + load.window) - bisect_left(came, b) for b in begins)
    acquired = sum(count for count, _ in results)
    return Measured(
        fullest=max(in_window),
        share=mean / load.limit,
        per_second=acquired / load.seconds,
        cpu_ms=1000 * sum(cpu for _, cpu in results) / acquired,
    )


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


@contextmanager
def database(url: str | None) -> Iterator[str]:
    """A migrated database of the benchmark's own."""
    if url is None:
        folder = tempfile.mkdtemp(prefix="bench-quota-")
        with EmbeddedServer(Path(folder) / "pg") as server, database(server.url("postgres")) as own:
            yield own
        shutil.rmtree(folder, ignore_errors=True)
        return
    name = f"bench_quota_{uuid.uuid4().hex[:8]}"
    server_url = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(server_url, autocommit=True) as server_connection:
        server_connection.execute(f"create database {name}".encode())
        try:
            own = make_url(url).set(database=name).render_as_string(hide_password=False)
            warehouse = Warehouse(own)
            migrate(warehouse)
            warehouse.close()
            yield own
        finally:
            server_connection.execute(f"drop database {name} with (force)".encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--database-url")
    parser.add_argument("--window", type=float, default=6.0, help="seconds")
    parser.add_argument("--limit", type=int, default=300, help="requests per window")
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--threads", type=int, default=4, help="per process")
    given = parser.parse_args()
    table = Table(
        "candidate", "load", "limit", "fullest window", "share used", "acquires/s", "CPU ms/acquire"
    )
    for candidate in ("slots", "pyrate"):
        with database(given.database_url) as url:
            saturated = Load(candidate, url, given.limit, given.window, given.threads, 4 * given.window)
            found = measure(saturated, given.processes)
        table.add_row(
            candidate,
            f"{given.processes} processes x {given.threads} threads",
            f"{given.limit} in {given.window:g} s",
            str(found.fullest),
            f"{found.share:.1%}",
            f"{found.per_second:.0f}",
            f"{found.cpu_ms:.2f}",
        )
        with database(given.database_url) as url:
            found = measure(Load(candidate, url, LIFTED, 60.0, 8, LIFTED_SECONDS), 1)
        table.add_row(
            candidate,
            "1 process x 8 threads",
            "1,000,000 in 60 s",
            str(found.fullest),
            "-",
            f"{found.per_second:.0f}",
            f"{found.cpu_ms:.2f}",
        )
    Console(width=120, file=sys.stdout).print(table)


if __name__ == "__main__":
    main()
