"""Real brokers as processes of the tests: started, killed, wiped, frozen, and started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self

import pika
import pytest
import redis

from tiktok_pipeline.runtime.ports import free_port

START_SECONDS = 120
HOST = "127.0.0.1"


class Broker:
    """A process group in a folder of its own, on a port that stays the same."""

    called: ClassVar[str]
    program: ClassVar[str | Path | None]

    def __init__(self) -> None:
        self.port = free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="broker-")
        self.folder = Path(self._folder.name)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._folder.cleanup()

    def start(self) -> None:
        """Begin it, unless it runs, and wait until it answers. Skips the test where its program is not installed."""
        if self._process is not None:
            return
        if self.program is None:
            pytest.skip(f"{self.called}: it is not installed on this machine")
        with (self.folder / "log").open("ab") as log:
            self._process = self._begin(log)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                log_text = (self.folder / "log").read_text(errors="replace")
                raise AssertionError(f"{type(self).__name__} did not start: {log_text[-2000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """As a power cut would."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def freeze(self, frozen: bool) -> None:
        """Let it answer nothing, or again."""
        self._signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def wipe(self) -> None:
        """Forget all that a dead one has kept."""
        for path in self.folder.iterdir():
            if path.name != "log":
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _signal(self, number: int) -> None:
        assert self._process
        os.killpg(self._process.pid, number)

    def _begin(self, log: Any) -> subprocess.Popen[bytes]:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError


class RedisServer(Broker):
    """A Redis that keeps everything (`appendfsync always`), until it is wiped."""

    called, program = "redis-server", shutil.which("redis-server")

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, decode_responses=True, socket_timeout=5)

    def held(self) -> list[str]:
        """The names of what it holds."""
        with self.client() as client:
            return sorted(client.keys())

    def _begin(self, log: Any) -> subprocess.Popen[bytes]:
        options = ["--port", self.port, "--bind", HOST, "--dir", self.folder, "--save", ""]
        options += ["--appendonly", "yes", "--appendfsync", "always"]
        return subprocess.Popen(
            [str(self.program), *map(str, options)],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _answers(self) -> bool:
        return _holds(lambda: bool(self.client().ping()))


class RabbitServer(Broker):
    """A node of RabbitMQ of its own, beside any other on this machine."""

    called = "rabbitmq-server"
    program = next(iter(sorted(Path("/usr/lib/rabbitmq/bin").glob(called))), None)

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@{HOST}:{self.port}/%2F?heartbeat=10"

    def connect(self) -> pika.BlockingConnection:
        return pika.BlockingConnection(pika.URLParameters(self.url))

    def forget(self) -> None:
        """Delete what events have left, so that the next test finds none of it."""
        connection = self.connect()
        channel = connection.channel()
        for name in ("crm", "erp"):
            for queue in (name, f"{name}.retry", f"{name}.dead"):
                channel.queue_delete(queue)
        for exchange in ("tiktok.events", "tiktok.events.retry", "tiktok.events.dead"):
            channel.exchange_delete(exchange)
        connection.close()

    def messages(self, queue: str) -> list[bytes]:
        """All that wait in a queue, taken out of it."""
        found: list[bytes] = []
        connection = self.connect()
        channel = connection.channel()
        while True:
            method, _, body = channel.basic_get(queue, auto_ack=True)
            if method is None:
                connection.close()
                return found
            found.append(body)

    def _begin(self, log: Any) -> subprocess.Popen[bytes]:
        (self.folder / "plugins").write_text("[].")
        place = str(self.folder / "data")
        settings = {
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"tests{self.port}@localhost",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_NODE_IP_ADDRESS": HOST,
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": place,
            "RABBITMQ_LOG_BASE": place,
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "none"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +S 1",
        }
        return subprocess.Popen(
            [str(self.program)],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, **settings},
        )

    def _answers(self) -> bool:
        def ask() -> bool:
            self.connect().close()
            return True

        return _holds(ask)


def _holds(ask: Callable[[], bool]) -> bool:
    try:
        return ask()
    except (redis.RedisError, pika.exceptions.AMQPError, OSError):
        return False
