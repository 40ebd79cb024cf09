"""The other side: a service that dies half way has each event's effect once, and what it cannot take is a dead letter."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tiktok_pipeline.events import rabbitmq
from tiktok_pipeline.events.delivery import deliver
from tiktok_pipeline.events.targets import Target
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_client.events.envelope import schemas
from tiktok_pipeline_tests.brokers import RabbitServer, RedisServer
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.events.telling import targets, tell

ROOT = Path(__file__).parents[3]
SERVICE = Path(__file__).with_name("service.py")
EXAMPLE = ROOT / "examples" / "event_service.py"
SECONDS = 60


class Service:
    """A process of a service with its database; a dead one can be begun again."""

    def __init__(self, script: Path, folder: Path, url: str, queue: str) -> None:
        self._script = script
        self._path = folder / "service.db"
        self._arguments = [str(self._path), url, queue]
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self, *moments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(self._script), *self._arguments, *moments],
            stdin=subprocess.DEVNULL,
        )

    def dies(self) -> bool:
        assert self._process
        return self._process.wait(SECONDS) == -signal.SIGKILL

    @property
    def is_dead(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def rows(self, statement: str) -> list[Any]:
        with sqlite3.connect(self._path, timeout=30) as database:
            return database.execute(statement).fetchall()

    def effects(self) -> list[str]:
        try:
            return [event_id for (event_id,) in self.rows("select event_id from effect order by rowid")]
        except sqlite3.OperationalError:
            return []


Begun = Callable[..., Service]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Begun]:
    made: list[Service] = []

    def make(url: str, *, script: Path = SERVICE, queue: str = "crm") -> Service:
        made.append(Service(script, tmp_path, url, queue))
        return made[-1]

    yield make
    for one in made:
        one.kill()


def wait_for(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return False


def through(kind: str, request: pytest.FixtureRequest) -> tuple[RedisServer | RabbitServer, list[Target]]:
    """A real broker, and the target that it is."""
    if kind == "redis":
        server = request.getfixturevalue("redis_server")
        return server, targets(redis_url=server.url)
    rabbit = request.getfixturevalue("rabbit")
    return rabbit, targets(rabbitmq_url=rabbit.url, rabbitmq_queues="crm")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rabbitmq, "RETRY_MS", 300)


@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_a_service_that_dies_half_way_has_each_effect_once(
    warehouse: Warehouse, service: Begun, kind: str, request: pytest.FixtureRequest
) -> None:
    server, where = through(kind, request)
    told = [tell(warehouse, nth % 3, nth) for nth in range(30)]
    deliver(warehouse, where)
    rows(warehouse, "update ops.event_delivery set sent_at = null where event <= 5")
    deliver(warehouse, where)
    consumer = service(server.url)
    for moment in ("3:effect", "3:noted", "4:effect", "12:noted"):
        consumer.begin(moment)
        assert consumer.dies(), moment
    consumer.begin()
    assert wait_for(lambda: len(consumer.effects()) >= 30)
    time.sleep(1)  # what comes twice would have come
    assert sorted(consumer.effects()) == sorted(told)
    if kind == "redis":
        assert consumer.effects() == told, "in their order"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_a_broker_wiped_under_a_service_brings_it_everything_once(
    warehouse: Warehouse, service: Begun, kind: str, request: pytest.FixtureRequest
) -> None:
    server, where = through(kind, request)
    told = [tell(warehouse, 1, nth) for nth in range(10)]
    deliver(warehouse, where)
    consumer = service(server.url)
    consumer.begin()
    assert wait_for(lambda: len(consumer.effects()) == 10)
    told += [tell(warehouse, 1, nth) for nth in range(10, 20)]
    consumer.kill()
    deliver(warehouse, where)
    server.kill()
    server.wipe()
    server.start()
    consumer.begin()
    told += [tell(warehouse, 1, nth) for nth in range(20, 25)]
    deliver(warehouse, where)
    assert wait_for(lambda: len(consumer.effects()) >= 25), consumer.effects()
    assert consumer.effects() == told


@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_what_a_service_cannot_take_is_a_dead_letter_and_the_others_pass(
    warehouse: Warehouse, service: Begun, kind: str, request: pytest.FixtureRequest
) -> None:
    server, where = through(kind, request)
    fails = tell(warehouse, 1, 666)
    good = tell(warehouse, 1, 1)
    newer = tell(warehouse, 1, 2)
    rows(warehouse, "update ops.event set version = 2 where event_id = %s", newer)
    tell(warehouse, 1, 3, "account.disconnected")
    deliver(warehouse, where)
    if isinstance(server, RedisServer):
        server.client().xadd("tiktok:events", {"data": "{}"})
    else:
        connection = server.connect()
        connection.channel().basic_publish("", "crm", b"{}")
        connection.close()
    consumer = service(server.url)
    consumer.begin()

    def dead() -> list[bytes | str]:
        if isinstance(server, RedisServer):
            entries: Any = server.client().xrange("tiktok:events:dead:crm")
            return [fields["data"] for _, fields in entries]
        return []

    if kind == "redis":
        assert wait_for(lambda: len(dead()) == 3)
        letters = dead()
    else:
        assert isinstance(server, RabbitServer)
        letters = []
        assert wait_for(lambda: letters.extend(server.messages("crm.dead")) or len(letters) == 3)  # type: ignore[func-returns-value]
    assert {json.loads(letter).get("event_id") for letter in letters} == {fails, newer, None}
    assert consumer.effects() == [good]


@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_an_event_that_kills_its_service_each_time_is_a_dead_letter(
    warehouse: Warehouse, service: Begun, kind: str, request: pytest.FixtureRequest
) -> None:
    server, where = through(kind, request)
    tell(warehouse, 1, 0)
    good = tell(warehouse, 1, 1)
    deliver(warehouse, where)
    consumer = service(server.url)
    # RabbitMQ hands a message out to six that die before that counts as one refusal, Redis to three here.
    for _ in range(30):
        consumer.begin("0:effect")
        assert wait_for(lambda: consumer.is_dead or good in consumer.effects())
        if good in consumer.effects():
            break
    assert consumer.effects() == [good]


def test_the_example_takes_every_event_that_its_schemas_promise(
    redis_server: RedisServer, service: Begun
) -> None:
    for schema in schemas().values():
        for example in schema["examples"]:
            redis_server.client().xadd(
                "tiktok:events",
                {"data": json.dumps({**example, "event_id": schema["title"]})},
            )
    consumer = service(redis_server.url, script=EXAMPLE)
    consumer.begin()

    def todo() -> list[Any]:
        try:
            return consumer.rows("select words from todo")
        except sqlite3.OperationalError:
            return []

    waits: Any = lambda: redis_server.client().xpending("tiktok:events", "crm")["pending"]  # noqa: E731
    assert wait_for(lambda: len(todo()) == 2)
    assert wait_for(lambda: waits() == 0)
    assert not redis_server.client().exists("tiktok:events:dead:crm")
    assert ("log in to TikTok again",) in todo()
