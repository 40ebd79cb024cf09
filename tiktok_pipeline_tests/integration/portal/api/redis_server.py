"""A real Redis of a test's own, which can be killed and come back empty."""

from __future__ import annotations

import shutil
import subprocess
import time
from types import TracebackType
from typing import Self

import pytest
from redis import Redis
from redis.exceptions import RedisError

from tiktok_pipeline.runtime.ports import free_port


class RedisServer:
    """A Redis on a free port while the block runs; skips the test where none is installed."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if shutil.which("redis-server") is None:
            pytest.skip("redis-server is not installed here")
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        command = ["redis-server", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                with Redis.from_url(self.url) as client:
                    client.ping()
                return
            except RedisError:
                assert time.monotonic() < deadline, "redis-server does not answer"
                time.sleep(0.05)

    def kill(self) -> None:
        """End it at once, with all that it holds."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def held(self) -> list[str]:
        """The names of what it holds."""
        with Redis.from_url(self.url, decode_responses=True) as client:
            return sorted(client.keys())
